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
        self._before: Any = None

    def watch(self) -> None:
        """Note the signal from now on, in the main thread of a process that does not ignore it."""
        self.asked = False
        if threading.current_thread() is not threading.main_thread():
            return
        before = signal.getsignal(signal.SIGTERM)
        owner = getattr(before, "__self__", None)
        if isinstance(owner, Termination) and (owner is self or not owner._is_training()):
            before = owner._before  # of a training that an error has ended
        if before not in (signal.SIG_IGN, None):
            self._before = before
            signal.signal(signal.SIGTERM, self._note)

    def leave(self) -> None:
        """Let the signal do again what it did before."""
        if signal.getsignal(signal.SIGTERM) == self._note:
            signal.signal(signal.SIGTERM, self._before)

    def end(self) -> None:
        """Do what the signal did before."""
        self.asked = False
        self.leave()
        signal.raise_signal(signal.SIGTERM)

    def _note(self, number: int, frame: Any) -> None:
        if self._is_training():
            self.asked = True
        else:  # an error has ended it
            self.end()
