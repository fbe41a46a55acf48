"""Cells that stopped with an error, by the names that they were to make.

After a syntax error the notebook still holds the old function. A check that judged it would answer the wrong question,
so it asks here first.
"""

import re
from typing import Any

MADE = re.compile(r"^(?:async )?(?:def|class) +(\w+)|^(\w+) *(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_stopped: dict[str, str] = {}


def watch() -> None:
    """Note from now on how each cell of the running notebook ends; outside a notebook do nothing."""
    from IPython import get_ipython  # slow to import

    shell = get_ipython()
    if shell and _note not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _note)


def stopped(name: str) -> str | None:
    """Return the error with which the last cell that was to make `name` has stopped; None where it ran."""
    return _stopped.get(name)


def _note(result: Any) -> None:
    error = result.error_before_exec or result.error_in_exec
    for found in MADE.finditer(result.info.raw_cell or ""):
        if error is None:
            _stopped.pop(found[1] or found[2], None)
        else:
            _stopped[found[1] or found[2]] = _in_words(error)


def _in_words(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}, line {error.lineno}"
    return f"{type(error).__name__}: {error}"
