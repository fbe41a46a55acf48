"""Which epoch of a training run is the best so far, by the value that is monitored."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from course.training.checkpoint_files import CheckpointError, Position


class Best:
    """The epoch whose value of `monitor` is the least, or the greatest if `mode` is "max".

    `noted` is what a checkpoint keeps of it: number, counted from 1, and value; or None if there is no value yet.
    """

    def __init__(self, monitor: str, mode: str) -> None:
        self.noted: dict[str, Any] | None = None
        self._monitor = monitor
        self._mode = mode

    @property
    def settings(self) -> dict[str, str]:
        """What must be as in the checkpoint, once an epoch is noted."""
        return {"monitor": repr(self._monitor), "mode": repr(self._mode)}

    @property
    def position(self) -> Position | None:
        """How far training had come at the end of that epoch."""
        return Position(self.noted["epoch"], 0) if self.noted else None

    def note(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Note an epoch if its logs make it the best."""
        value = logs.get(self._monitor, math.nan)
        try:
            is_number = not math.isnan(value)
        except TypeError:
            raise CheckpointError(
                f"monitor = {self._monitor!r}: must be a number in every epoch, not {value!r:.80}"
            ) from None
        if is_number and self._is_better(value):
            self.noted = {"epoch": epoch, "value": value}

    def resume(self, state: Mapping[str, Any], *, has: Callable[[Position], bool]) -> None:
        """Note what a checkpoint's state does; by another monitor, the best epoch whose checkpoint there still is."""
        self.noted = state["best"]
        settings = state["settings"]
        if all(settings.get(name) == text for name, text in self.settings.items()):
            return
        self.noted = None
        values = state["history"].get(self._monitor, [])
        if len(values) == len(state["epochs"]):  # else nobody knows to which epochs they belong
            for epoch, value in zip(state["epochs"], values, strict=True):
                if has(Position(epoch + 1, 0)):
                    self.note(epoch + 1, {self._monitor: value})

    def _is_better(self, value: float) -> bool:
        if not self.noted:
            return True
        best = self.noted["value"]
        return value < best if self._mode == "min" else value > best

    def check(self, logs: Iterable[str], *, validates: bool) -> None:
        """Raise CheckpointError if there is no such value to monitor, at the first epoch that has all values."""
        is_complete = not validates or any(name.startswith("val_") for name in logs)
        is_default = self._monitor == "val_loss" and not validates  # then there is no best
        if self._monitor not in logs and is_complete and not is_default:
            raise CheckpointError(self._unknown(logs))

    def why_none(self, history: Mapping[str, Any] | None) -> str:
        """Say why there is no best epoch in a history of `fit`, None before the first."""
        if not history:
            return "nothing is trained yet; call `fit` with this callback first"
        if self._monitor in history:
            return f"{self._monitor} is not a number in any epoch"
        return self._unknown(history)

    def _unknown(self, names: Iterable[str]) -> str:
        return f"monitor = {self._monitor!r} must be one of {', '.join(names)}"
