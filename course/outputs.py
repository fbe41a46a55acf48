"""What a cell tells, written and read in one place: claims and exercises, for a person and for a program.

A person sees a line or a small table. The metadata of the same output hold, under "course", what runs, graders and
the build read. All claims of a cell become one output at its end.
"""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nbformat import NotebookNode  # slow, and lessons do not need it

LOOKS = {  # of an exercise's outcome: sign, color of the text, of the ground; both are given, so any theme will do
    "right": ("✓", "#0b4d1a", "#e3f5e6"),
    "wrong": ("✗", "#7f1010", "#fdeaea"),
    "broken": ("!", "#5c3700", "#fff3d6"),
    "not attempted": ("○", "#333333", "#eeeeee"),
}
HEADINGS = ("", "yours", "course: median (range)", "")
_waiting: list[tuple[dict[str, Any], "Row"]] = []  # claims of the cell that is running


class Row(NamedTuple):
    """One claim as a person reads it: its words, this run's value, the course's results, and how it stands."""

    words: str
    yours: str
    course: str
    verdict: str

    def __str__(self) -> str:
        parts = [
            f"yours {self.yours}" * bool(self.yours),
            f"course {self.course}" * bool(self.course),
            self.verdict,
        ]
        return f"{self.words}: {' · '.join(filter(None, parts))}"


def announce_exercise(record: dict[str, Any], message: str, more: str = "") -> None:
    """Show how an exercise stands, with `record` in the output's metadata; in a plain program print it.

    `record` has its "name" and "outcome"; `message` says what to look at, `more` how to learn more.
    """
    if _shell():
        _display(feedback(record["name"], record["outcome"], message, more), {"exercise": record})
    else:
        print(feedback(record["name"], record["outcome"], message, more)["text/plain"])


def feedback(name: str, outcome: str, message: str, more: str = "") -> dict[str, str]:
    """Return an outcome as a notebook shows it: a line of text, and a box that a screen reader announces."""
    sign, color, ground = LOOKS[outcome]
    words = " ".join(filter(None, [message, more]))
    style = f"color:{color};background:{ground};border-left:5px solid {color};padding:.5em .8em;max-width:60em"
    small = f'<br><small style="color:{color}">{escape(more)}</small>' if more else ""
    box = (
        f'<div role="status" style="{style}"><span aria-hidden="true">{sign} </span>'
        f"<strong>Exercise {name}: {outcome}.</strong> {escape(message)}{small}</div>"
    )
    return {
        "text/plain": f"Exercise {name}: {outcome}." + (f" {words}" if words else ""),
        "text/html": box,
    }


def announce_claim(record: dict[str, Any], row: Row) -> None:
    """Show a claim together with the others of its cell when the cell ends; in a plain program print it."""
    shell = _shell()
    if not shell:
        print(row)
        return
    if _show_waiting not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _show_waiting)
    _waiting.append((record, row))


def table(rows: list[Row]) -> dict[str, str]:
    """Return claims as a notebook shows them: lines of text, and a table."""
    head = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
    body = "".join(
        f'<tr><td>{escape(row.words)}</td><td class="yours">{escape(row.yours)}</td>'
        f"<td>{escape(row.course)}</td><td>{escape(row.verdict)}</td></tr>"
        for row in rows
    )
    return {
        "text/plain": "\n".join(map(str, rows)),
        "text/html": f"<table><tr>{head}</tr>{body}</table>",
    }


def claims_of(output: "NotebookNode") -> list[dict[str, Any]]:
    """Return the records of the claims that an output shows, in order."""
    return [dict(record) for record in _told(output).get("claims", [])]


def exercise_of(output: "NotebookNode") -> dict[str, Any] | None:
    """Return the record of the check that an output shows; None where it shows none."""
    record = _told(output).get("exercise")
    return record if isinstance(record, dict) and isinstance(record.get("name"), str) else None


def exercises_in(notebook: "NotebookNode") -> Iterator[dict[str, Any]]:
    """Give the record of every check in an executed notebook, in order."""
    yield from filter(None, map(exercise_of, _outputs(notebook)))


def claims_in(notebook: "NotebookNode") -> Iterator[dict[str, Any]]:
    """Give the record of every claim in an executed notebook, in order."""
    for output in _outputs(notebook):
        yield from claims_of(output)


def _outputs(notebook: "NotebookNode") -> Iterator["NotebookNode"]:
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def _told(output: "NotebookNode") -> dict[str, Any]:
    return output.get("metadata", {}).get("course", {})


def _show_waiting(*_: Any) -> None:
    if not _waiting:
        return
    records, rows = zip(*_waiting, strict=True)
    _waiting.clear()
    _display(table(list(rows)), {"claims": list(records)})


def _display(data: dict[str, str], record: dict[str, Any]) -> None:
    from IPython.display import display

    display(data, metadata={"course": record}, raw=True)


def _shell() -> Any:
    from IPython import get_ipython  # slow to import

    return get_ipython()
