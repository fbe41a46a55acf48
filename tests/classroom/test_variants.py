"""What a student reports of their own run is no more than half the time what the course's notebook shows."""

import json
import statistics

import nbformat
import pytest
from nbformat import v4
from typer.testing import CliRunner

from course import claims
from course.catalog import all_lessons, find
from course.claims import Claim
from course.classroom import variants
from course.cli import main
from course.runs.records import Record

LESSONS = [(lesson, mode) for lesson in all_lessons() for mode in ("fast", "full")]
NONE_DIFFERS = ("12", "full")  # three of four runs print the same


def shared(name, mode):
    """The share of the measured runs that print what the middle one does, to a last digit."""
    entry = claims.stored()[name]
    values = entry[mode]["values"]
    middle = statistics.median(values)
    return sum(abs(value - middle) <= 10.0 ** -entry["digits"] for value in values) / len(values)


@pytest.mark.parametrize(
    ("lesson", "mode"), LESSONS, ids=lambda each: getattr(each, "number", each)
)
def test_each_lesson_asks_for_results_that_differ_from_run_to_run(lesson, mode):
    asked = variants.asked(lesson, mode)
    assert 1 <= len(asked) <= variants.ASKED
    if (lesson.number, mode) != NONE_DIFFERS:
        assert max(shared(name, mode) for name in asked) <= 0.5
    assert not [name for name, entry in asked.items() if entry.get("timed")]


def test_the_results_that_differ_most_are_asked_first():
    assert list(variants.asked(find("01"), "fast"))[:2] == ["01.limit_shrinks", "01.limit_off"]
    assert list(variants.asked(find("10"), "fast")) == ["10.weights_only"]


def test_students_who_draw_the_same_parameters_share_a_run_and_each_have_its_key(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(variants, "parameters", lambda *_: {"seed": 4711})
    (tmp_path / "roster.csv").write_text("student\nann\nbob\n")
    command = ["assign", "01", "--roster", str(tmp_path / "roster.csv"), "--out", str(tmp_path)]
    for _ in range(2):  # the second finds the run done
        done = CliRunner().invoke(main.app, command)
        assert done.exit_code == 0, (done.stderr, done.exception)
        assert "2 keys in" in done.stdout
        keys = [tmp_path / "keys" / each / "01_gradient_descent.json" for each in ("ann", "bob")]
        assert keys[0].read_text() == keys[1].read_text()
    assert len(list((tmp_path / "keys" / "runs").glob("*.executed.ipynb"))) == 1


def test_two_of_these_students_draw_one_seed():
    """Were all seeds different, nobody would need to share a run."""
    one, other = (variants.parameters("course", each, find("05")) for each in ("s693", "s1169"))
    assert one == other


NAME = "01_gradient_descent"
OLD = {
    "01.mean_steps": "steps",
    "01.limit_off": "off",
}  # what the lesson asked for in an older text


class Runs:
    """Stands for the runs of solutions: each result of a seed is the seed; counts what was asked of it."""

    def __init__(self):
        self.names = []
        self.results = [*OLD, *(name for name in claims.stored() if name[:3] == "01.")]

    def __call__(self, planned, *_, **__):
        self.names += [job.name for job in planned]
        return [self.record(job) for job in planned]

    def record(self, job):
        values = {name: Claim(name, "spread", "", job.parameters["seed"]) for name in self.results}
        return Record(
            job.name, job.lesson, job.parameters, "passed", 1, "", 1, values, {}, None, {}
        )


@pytest.fixture
def runs(monkeypatch):
    found = Runs()
    monkeypatch.setattr("course.cli.classroom.execute", found)
    return found


@pytest.fixture
def assign(tmp_path, runs):
    """Calls `course assign` for these students of lesson 01."""

    def call(*students, more=()):
        (tmp_path / "roster.csv").write_text("\n".join(["student", *students]))
        ours = ["assign", "01", "--roster", tmp_path / "roster.csv", "--out", tmp_path / "term"]
        return CliRunner().invoke(main.app, list(map(str, [*ours, *more])))

    return call


@pytest.fixture
def term(tmp_path):
    return tmp_path / "term"


def key(term, student):
    return json.loads((term / "keys" / student / f"{NAME}.json").read_text())


def work_in(term, student):
    """Write into a student's notebook, and return its path and content."""
    path = term / "notebooks" / student / f"{NAME}.ipynb"
    made = nbformat.read(path, as_version=4)
    made.cells.insert(0, v4.new_markdown_cell("hours of work"))
    nbformat.write(made, path)
    return path, path.read_bytes()


def question(term, student):
    made = nbformat.read(term / "notebooks" / student / f"{NAME}.ipynb", as_version=4)
    [cell] = [each for each in made.cells if variants.TAG in each.metadata.get("tags", [])]
    return cell.source


@pytest.fixture
def lesson_of_then(monkeypatch):
    """Has `course assign` ask for other results, as the lesson did once, until it is called."""
    results = {name: {"words": words} for name, words in OLD.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(variants, "asked", lambda *_: results)
        yield patch.undo


def test_a_longer_roster_leaves_who_has_a_notebook_with_it_and_with_its_key(
    lesson_of_then, assign, term, runs
):
    assert assign("ada").exit_code == 0
    path, content = work_in(term, "ada")
    lesson_of_then()
    done = assign("ada", "bob")
    assert done.exit_code == 0, done.stderr
    assert "1 differ from what would be written now and are left" in done.stdout
    assert path.read_bytes() == content
    assert key(term, "ada").keys() == OLD.keys()
    assert key(term, "bob").keys() == variants.asked(find("01"), "fast").keys()
    assert len(runs.names) == 2  # one for each student


def test_a_key_made_anew_is_that_of_the_notebook_handed_out(lesson_of_then, assign, term):
    assign("ada")
    before = key(term, "ada")
    (term / "keys" / "ada" / f"{NAME}.json").unlink()  # as the gradebook says of a damaged one
    (term / "notebooks" / "ada" / f"{NAME}.ipynb").unlink()  # moved to where it is handed out
    lesson_of_then()
    done = assign("ada")
    assert done.exit_code == 0, done.stderr
    assert key(term, "ada") == before
    assert "01.mean_steps" in question(term, "ada")


def test_of_a_lesson_whose_code_has_changed_no_notebook_or_key_is_made_for_who_had_the_old(
    assign, term, monkeypatch
):
    assign("ada")
    notebook = term / "notebooks" / "ada" / f"{NAME}.ipynb"
    notebook.unlink()  # moved to where it is handed out
    monkeypatch.setattr(variants, "_code", lambda lesson: "changed")
    assert assign("ada", "bob").exit_code == 0
    assert not notebook.exists()
    assert (term / "notebooks" / "bob" / f"{NAME}.ipynb").exists()
    (term / "keys" / "ada" / f"{NAME}.json").unlink()
    refused = assign("ada", "bob")
    assert refused.exit_code == 2
    assert f"ada/{NAME}.ipynb: has no key, and the lesson has changed" in refused.stderr


def test_a_key_without_the_notebook_and_variant_it_was_made_for_is_refused(assign, term):
    assign("ada")
    (term / "notebooks" / "ada" / f"{NAME}.ipynb").unlink()
    (term / "keys" / "ada" / f"{NAME}.variant.json").unlink()  # of an earlier version
    refused = assign("ada", "bob")
    assert refused.exit_code == 2
    assert "another --out leaves them as they are" in refused.stderr
    assert not (term / "notebooks" / "bob").exists()


def test_what_is_to_be_replaced_is_made_anew_with_its_key(lesson_of_then, assign, term):
    assign("ada")
    path, content = work_in(term, "ada")
    lesson_of_then()
    assert assign("ada", more=["--replace"]).exit_code == 0
    assert path.with_name(f"{NAME}.kept-1.ipynb").read_bytes() == content
    assert b"hours of work" not in path.read_bytes()
    assert key(term, "ada").keys() == variants.asked(find("01"), "fast").keys()
    assert all(name in question(term, "ada") for name in key(term, "ada"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--full"], "was assigned with --course course; give these, another --out, or --replace"),
        (["--course", "ml"], "was assigned with --course course; give these"),
    ],
)
def test_another_course_or_mode_does_not_mix_with_what_is_there(assign, term, more, says):
    assign("ada")
    before = {path: path.read_bytes() for path in term.rglob("*") if path.is_file()}
    refused = assign("ada", "bob", more=more)
    assert refused.exit_code == 2
    assert f"ada/{NAME}.ipynb: {says}" in refused.stderr
    assert {path: path.read_bytes() for path in term.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("{")])
def test_a_notebook_whose_variant_is_unknown_is_not_replaced(assign, term, damage):
    assign("ada")
    path, content = work_in(term, "ada")
    damage(term / "keys" / "ada" / f"{NAME}.variant.json")
    refused = assign("ada", "bob")
    assert refused.exit_code == 2
    assert "--replace" in refused.stderr
    assert path.read_bytes() == content
    assert not (term / "notebooks" / "bob").exists()
    assert assign("ada", "bob", more=["--replace"]).exit_code == 0


def test_a_result_that_the_lesson_no_longer_gives_is_named(lesson_of_then, assign, term, runs):
    runs.results = ["01.limit_off"]
    refused = assign("ada")
    assert refused.exit_code == 2
    assert "the lesson no longer gives 01.mean_steps" in refused.stderr
    assert not (term / "keys" / "ada" / f"{NAME}.json").exists()
