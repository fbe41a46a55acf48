"""What all commands do with what a user can cause: one line on stderr and an exit status, never a traceback."""

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

REFUSED = 2  # exit status: what was typed is not allowed
# Refusals of modules that take time to import; who has not loaded one has no error of its.
OF_OTHERS = (
    ("course.data", "DataError"),
    ("course.classroom.roster", "RosterError"),
    ("course.classroom.sandbox", "SandboxError"),
)


class Course(TyperGroup):
    """The commands, at whose boundary all that a user can cause becomes a line on stderr and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # `course list | head`: Typer ends quietly
            raise
        except OSError as error:
            line = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        except _refusals() as error:
            line = str(error)
        refuse(line)


def refuse(line: str) -> NoReturn:
    """Say why what was typed is not done, and end with status 2."""
    print(f"Error: {line}", file=sys.stderr)
    raise typer.Exit(REFUSED)


def _refusals() -> tuple[type[Exception], ...]:
    """Return what a command refuses; asked for only when something was raised."""
    from course.catalog import LessonError
    from course.parameters import ParameterError
    from course.runs.folder import FolderError

    loaded = [
        getattr(sys.modules[module], name) for module, name in OF_OTHERS if module in sys.modules
    ]
    return LessonError, ParameterError, FolderError, *loaded
