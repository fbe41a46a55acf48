"""A roster names a class, or the line that keeps it from that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course.classroom.roster import RosterError, Student, read


def written(folder, content):
    path = folder / "roster.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_students_come_in_order_with_what_the_roster_says_of_them(tmp_path, delimiter, start):
    rows = [["Name", "Student", "section"], ["Ann, Lee", "ann.lee", "A"], ["", "bo-7", ""], []]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    students = read(written(tmp_path, start + "\r\n".join(lines)))
    assert students == [
        Student("ann.lee", {"name": "Ann, Lee", "section": "A"}),
        Student("bo-7", {"name": "", "section": ""}),
    ]
    assert [student.name for student in students] == ["Ann, Lee", "bo-7"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "line 1: no column 'student'; it has none"),
        ("id,name\na,b\n", "line 1: no column 'student'; it has id, name"),
        ("student,name,Student\na,A,b\n", "line 1: two columns 'student'; which one is meant?"),
        ("student\n", "names no student"),
        ("student,name\na,A\n,B\n", "line 3: the id is empty"),
        ("student\na\nb\nA\n", "line 4: 'A' is in line 2 already"),
        ("student\n../a\n", "line 2: '../a' cannot name a folder"),
        ("student\na/b\n", "line 2: 'a/b' cannot name a folder"),
        ("student\n..\n", "line 2: '..' cannot name a folder"),
        ("student\nCON\n", "line 2: 'CON' cannot name a folder"),
        ("student\na.\n", "line 2: 'a.' cannot name a folder"),
        (f"student\n{'a' * 65}\n", "cannot name a folder"),
        ("student\n=1+1\n", "line 2: '=1+1' cannot name a folder"),
        ("student,name\na\n", "line 2: has 1 columns, the first line has 2"),
        ('student\na\n"b\n', "line 3: unexpected end of data"),
        ("student\nann\nJürgen\n".encode("latin-1"), "line 3: is not UTF-8"),
        ("student\nann\n".encode("utf-16"), "line 1: is not UTF-8"),
        (b"student\na\x00b\n", "line 2"),
    ],
)
def test_a_roster_that_names_no_class_is_refused_by_its_line(tmp_path, content, says):
    with pytest.raises(RosterError) as refused:
        read(written(tmp_path, content))
    assert says in str(refused.value)
    assert "roster.csv" in str(refused.value)


@given(st.binary(max_size=200) | st.text(max_size=80).map(lambda text: f"student\n{text}".encode()))
def test_any_bytes_are_a_class_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "roster.csv"
    path.write_bytes(content)
    try:
        students = read(path)
    except RosterError:
        return
    ids = [student.id for student in students]
    assert ids
    assert len({each.lower() for each in ids}) == len(ids)
    assert all(path.parent.joinpath(each).resolve().parent == path.parent.resolve() for each in ids)
