"""SIGTERM, which clusters and `kill` send some time before SIGKILL: training saves first, and ends then.

While `fit` is under way, the signal is only noted. Whoever trains asks for it where a state can be saved, and calls
`end`, which sends the signal once more to whatever handled it before: by default, the process ends.
"""

import signal
import threading
from collections.abc import Callable
from typing import Any


class Termination:
    """Notes SIGTERM in `asked` while `is_training()`; at any other time it does what it did before."""

    def __init__(self, is_training: Callable[[], bool]) -> None:
        self.asked = False
        self._is_training = is_training
        self._is_ending = False
        self._handler: Handler | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a signal is to be noted now."""
        return self._is_training() and not self._is_ending

    def watch(self) -> None:
        """Note the signal from now on, in the main thread of a process that does not ignore it."""
        self.asked = False
        if threading.current_thread() is not threading.main_thread():
            return
        before: Any = signal.getsignal(signal.SIGTERM)
        owner = getattr(before, "owner", None)
        if isinstance(owner, Termination) and (owner is self or not owner.is_awaited):
            before = before.before  # of a training that an error has ended
        if before not in (signal.SIG_IGN, None):
            self._handler = Handler(self, before)
            signal.signal(signal.SIGTERM, self._handler)

    def leave(self) -> None:
        """Let the signal do again what it did before."""
        if self._handler:
            before = self._handler.before
            if signal.getsignal(signal.SIGTERM) is self._handler:
                signal.signal(signal.SIGTERM, before)

    def end(self) -> None:
        """Do what the signal did before; if training goes on after that, note the next signal."""
        self.leave()
        self._is_ending = True
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            self._is_ending = False
        self.watch()


class Handler:
    """Takes the signal for its `owner`, or passes it on to what handled it `before`.

    Another library may have put its own handler over this one and call it: so it cannot take itself away.
    """

    def __init__(self, owner: Termination, before: Any) -> None:
        self.owner = owner
        self.before = before

    def __call__(self, number: int, frame: Any) -> None:
        if self.owner.is_awaited:
            self.owner.asked = True
        elif callable(self.before):
            self.before(number, frame)
        else:
            signal.signal(signal.SIGTERM, self.before)
            signal.raise_signal(signal.SIGTERM)
