"""A class as a CSV file: one row a student, the column `student` their id, which also names their folder."""

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path

ID = "student"
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE
)  # no file on Windows


class RosterError(ValueError):
    """A roster that names no class; the text names the line."""


@dataclass(frozen=True)
class Student:
    """One student: their id, and what else the roster says of them, by column."""

    id: str
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a page calls them."""
        return self.columns.get("name") or self.id


def read(path: Path) -> list[Student]:
    """Return the students of a roster, in its order.

    Raises RosterError for what is no UTF-8 text, has no column `student` or two of one name, or an id that is missing,
    given twice, or could not name a folder.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RosterError(
            f"{path}, line {line}: is not UTF-8; save the file as CSV UTF-8"
        ) from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if ID not in header:
            raise RosterError(
                f"{path}, line 1: no column {ID!r}; it has {', '.join(header) or 'none'}"
            )
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise RosterError(f"{path}, line 1: two columns {twice[0]!r}; which one is meant?")
        students: dict[str, tuple[int, Student]] = {}
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            student = _student(f"{path}, line {rows.line_num}", header, row)
            before = students.get(student.id.lower())
            if before:
                raise RosterError(
                    f"{path}, line {rows.line_num}: {student.id!r} is in line {before[0]} already"
                )
            students[student.id.lower()] = (rows.line_num, student)
    except csv.Error as error:
        raise RosterError(f"{path}, line {rows.line_num}: {error}") from None
    if not students:
        raise RosterError(f"{path}: names no student")
    return [student for _, student in students.values()]


def _delimiter(text: str) -> str:
    """Return what divides the columns; spreadsheets of many countries write semicolons."""
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _student(where: str, header: list[str], row: list[str]) -> Student:
    if len(row) != len(header):
        raise RosterError(f"{where}: has {len(row)} columns, the first line has {len(header)}")
    columns = dict(zip(header, (cell.strip() for cell in row), strict=True))
    id_ = columns.pop(ID)
    if not id_:
        raise RosterError(f"{where}: the id is empty")
    if not PLAIN.fullmatch(id_) or RESERVED.fullmatch(id_) or id_.endswith("."):
        raise RosterError(
            f"{where}: {id_!r} cannot name a folder; ids have letters, digits and . _ @ + - (at most 64)"
        )
    return Student(id_, columns)
