"""Give everything that reads what others wrote a thousand damaged inputs each: it must refuse by name, or read.

    python -m benchmarks.bad_input --cases 1000

An input is a good one with bits flipped, pieces cut, doubled, moved or replaced by what such files stumble over, or
text from nothing. A case fails by an error of another kind than the documented one ("tracebacks"), by one that does not
name the input in a line ("nameless"), by more than two processor seconds ("slow"), or by a file that is left or changed
("partial"). A reader that refuses nothing at all fails, too. The last line is the count as JSON, with the megabytes by
which the process has grown.
"""

import argparse
import contextlib
import hashlib
import io
import json
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from course import catalog, claims, data
from course.authoring import source
from course.classroom import roster
from course.parameters import ParameterError, check, read_parameters
from course.runs import plan, records
from course.topics import linear_regression
from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position, read

SECONDS = 2  # of the processor, for one input
MEGABYTES = 500  # by which the process may grow
LEFT = {"98_trial.py", "SHA256SUMS", "yacht.csv"}  # what `use` writes for its input, and leaves


class Target(NamedTuple):
    """What is tried: `inputs` are drawn, `use(folder, input)` reads one in a folder, `errors` are the documented.

    `says` is a pattern for what each error names.
    """

    inputs: st.SearchStrategy
    use: Callable[[Path, Any], object]
    errors: tuple[type[BaseException], ...]
    says: str = ""


# Inputs

STUMBLES = ["", "\0", "\r", "\n", "\t", '"', "'", "#", ",", ";", "=", "{", "}", "[", "]", "# ---", "# %%"]  # fmt: skip
STUMBLES += [
    "\ufeff",
    "nan",
    "inf",
    "-0",
    "1e999",
    "9" * 400,
    "1_000",
    "٣",
    "ü",
    "\ud800",
    "\x1b[31m",
    "../..",
    "%s",
    "null",
]


def damaged(good: bytes, stumbles: list[bytes]) -> st.SearchStrategy[bytes]:
    """Up to four damages to `good`, which may be placed anywhere, its first and last bytes more often."""
    length = len(good)
    place = (
        st.integers(0, length)
        | st.integers(0, min(64, length))
        | st.integers(max(0, length - 64), length)
    )
    piece = st.sampled_from(stumbles) | st.binary(max_size=8)
    kinds = st.sampled_from(["flip", "cut", "double", "insert", "truncate"])
    step = st.tuples(kinds, place, st.integers(1, 40), piece, st.integers(0, 7))
    return st.lists(step, min_size=1, max_size=4).map(lambda steps: _apply(good, steps))


def _apply(good: bytes, steps: list[tuple]) -> bytes:
    content = bytearray(good)
    for kind, place, length, piece, bit in steps:
        if kind == "flip" and place < len(content):
            content[place] ^= 1 << bit
        elif kind == "cut":
            del content[place : place + length]
        elif kind == "double":
            content[place:place] = content[place : place + length]
        elif kind == "insert":
            content[place:place] = piece
        elif kind == "truncate":
            del content[place:]
    return bytes(content)


def texts(*good: str) -> st.SearchStrategy[bytes]:
    """Damaged texts as bytes, which need not be UTF-8."""
    stumbles = [each.encode(errors="surrogatepass") for each in STUMBLES]
    return st.one_of([damaged(each.encode(), stumbles) for each in good])


def words() -> st.SearchStrategy[str]:
    return (
        st.sampled_from(STUMBLES)
        | st.text(max_size=20)
        | st.integers().map(str)
        | st.floats().map(str)
    )


CELL = """seed: int = 0  # random seed, 0 to 1000000
fast: bool = False  # less data, fewer epochs
rate: float = 1e-4  # step size, 1e-7 to 1e-2, fast 1e-3
optimizer: str = "adam"  # which rule moves the weights, one of sgd|adam"""
PARAMETERS = read_parameters(CELL)
LESSON = f"""# ---
# title: A trial
# part: 1 Fit
# objectives: [try it]
# prerequisites: [nothing]
# data: []
# reading: ["A book, 2020"]
# ---

# %% tags=["parameters"]
{CELL}

# %%
from course.lesson import begin

begin("98_trial", globals())

# %% [markdown] tags=["predict"]
# What comes out?

# %% tags=["solution"]
def answer(x):
    return x + 1

# %% tags=["check"]
@exercise("98.1", answer)
def judge():
    expect(answer(1) == 2, "not so")

# %% tags=["wrong"] hint="not so"
def answer(x):
    return x
"""
ROSTER = "student,name,section\nana,Ana,1\nbo,Bo,2\n"
TABLE = "area,rooms,price\n" + "".join(f"{i}.5,{i},{3 * i}e1\n" for i in range(12))
CLAIMS = """["01.loss"]
words = "loss"
kind = "bound"
[ "01.loss".full]
at_most = 3.0
values = [1.0, 2.0, 2.5]
["01"]
machine = "x"
""".replace("[ ", "[")
RECORD = json.dumps(
    {
        "name": "01", "lesson": "01", "parameters": {"seed": 1}, "outcome": "passed", "seconds": 1.5,
        "digest": "ab", "cell_seconds": 1.0, "claims": {}, "exercises": {"01.1": "right"},
        "failure": {"cell": 3, "line": "x", "name": "E", "message": "m"}, "versions": {"keras": "3"},
    }
)  # fmt: skip


# What reads them


def _check(folder: Path, given: dict[str, Any]) -> None:
    check(PARAMETERS, given)


def _assign(folder: Path, assignments: list[str]) -> None:
    with patch.object(catalog, "SOURCES", _lesson(folder, LESSON.encode())):
        lesson = catalog.Lesson("98_trial")
        with patch.object(catalog.Lesson, "notebook", lambda self, edition: self.source):
            plan.plan([lesson], assignments, "solutions")


def _descend(folder: Path, arguments: list[str]) -> None:
    path = folder / "table.csv"
    path.write_text(TABLE)
    with (
        contextlib.redirect_stderr(io.StringIO()) as told,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        try:
            linear_regression.main([each.replace("TABLE", str(path)) for each in arguments])
        except SystemExit as end:
            if end.code and "\n" not in "".join(arguments) and "\n" in told.getvalue().rstrip("\n"):
                raise AssertionError(f"more than one line: {told.getvalue()!r}") from None
    path.unlink()


def _reads(name: str, use: Callable[[Path], object]) -> Callable[[Path, bytes], None]:
    """Write the input to a file of this name, read it, and remove it."""

    def read_it(folder: Path, content: bytes) -> None:
        path = folder / name
        path.write_bytes(content)
        try:
            use(path)
        finally:
            if path.read_bytes() != content:
                raise AssertionError("the input was changed")
            path.unlink()

    return read_it


def _claims(path: Path) -> None:
    claims.stored.cache_clear()
    with patch.object(claims, "VALUES", path):
        try:
            claims.stored()
        finally:
            claims.stored.cache_clear()


def _data(name: str) -> Callable[[Path, bytes], None]:
    """Read a data set of which one file, or the list of sums, is damaged."""

    def use(folder: Path, content: bytes) -> None:
        (folder / "tables").mkdir()
        good = {"tables/yacht.csv": TABLE.encode()}
        sums = "".join(
            f"{hashlib.sha256(each).hexdigest()}  {file}\n" for file, each in good.items()
        )
        for file, each in (good | {"SHA256SUMS": sums.encode()} | {name: content}).items():
            (folder / file).write_bytes(each)
        data.verified.cache_clear()
        with patch.object(data, "DATA", folder):
            try:
                data.table("yacht")
            finally:
                data.verified.cache_clear()

    return use


def _lesson(folder: Path, content: bytes) -> Path:
    (folder / "98_trial.py").write_bytes(content)
    return folder


def _source(folder: Path, content: bytes) -> None:
    with patch.object(catalog, "SOURCES", _lesson(folder, content)):
        source.problems(source.read("98_trial"))
        _ = catalog.Lesson("98_trial").parameters, catalog.Lesson("98_trial").exercises


def _checkpoint() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        files = CheckpointFolder(folder, keep=1, asynchronous=False)
        state = {
            "a": np.arange(40, dtype="float32"),
            "b": [1, (2, "x")],
            "c": {"d": np.float64(0.5)},
        }
        files.save(Position(3, 4), state, best=None)
        return next(Path(folder).glob("*.npz")).read_bytes()


def _restore(folder: Path, content: bytes) -> None:
    """Read a checkpoint under the name of the good one, then under the name that the damaged one would have."""
    for digest in (hashlib.sha256(CHECKPOINT).hexdigest(), hashlib.sha256(content).hexdigest()):
        path = folder / f"epoch-0003-batch-000004-{digest[:16]}.npz"
        path.write_bytes(content)
        try:
            found = read(path)
            if digest == hashlib.sha256(CHECKPOINT).hexdigest() and content != CHECKPOINT:
                raise AssertionError(f"a damaged checkpoint was read: {found}")
        except CheckpointError as error:
            if path.name not in str(error):
                raise AssertionError("the error names no file") from None
        path.unlink()


CHECKPOINT = _checkpoint()
RATES = ["--learning-rate", "1e-4", "--threshold", "10"]
OPTIONS = [
    "--data",
    "TABLE",
    *RATES,
    "--delimiter",
    "tab",
    "space",
    ";",
    "--help",
    "-h",
    "--",
    "=",
    "--data=TABLE",
]
TARGETS = {
    "parameters": Target(
        st.dictionaries(
            st.sampled_from([*PARAMETERS, "epoch", ""]),
            words() | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(words(), max_size=2),
        ),
        _check,
        (ParameterError,),
        r"^(seed|fast|rate|optimizer) = |: no such parameter; ",
    ),
    "assignments": Target(
        st.lists(
            st.tuples(st.sampled_from([*PARAMETERS, "", "x"]), st.sampled_from(["=", "==", "", "=1..", "=9,"]), words())
            .map("".join),
            max_size=3,
        ),
        _assign,
        (ParameterError,),
        "^98_trial: |^parameter ['\"]|^\\w+ = |: given twice, ",
    ),
    "command line": Target(
        st.lists(st.sampled_from(OPTIONS) | words(), max_size=8)
        | st.lists(words(), max_size=2).map(lambda more: ["--data", "TABLE", *RATES, *more]),
        _descend,
        (),
    ),
    "CSV": Target(
        texts(TABLE, "1,2\n3,4\n"), _reads("x.csv", linear_regression.read_csv), (ValueError,), "x.csv: "
    ),
    "parameters cell": Target(
        texts(CELL).map(lambda content: content.decode(errors="replace")),
        lambda folder, cell: read_parameters(cell),
        (ParameterError,),
        "the parameters cell|: a parameter reads |^['\"].+['\"]: |^\\w+ = ",
    ),
    "lesson source": Target(texts(LESSON), _source, (catalog.LessonError, ParameterError), "98_trial"),
    "roster": Target(texts(ROSTER), _reads("class.csv", roster.read), (roster.RosterError,), "class.csv"),
    "claims.toml": Target(texts(CLAIMS), _reads("claims.toml", _claims), (catalog.LessonError,), "claims.toml: "),
    "run record": Target(texts(RECORD), _reads("01.json", records.read), ()),
    "table": Target(texts(TABLE), _data("tables/yacht.csv"), (data.DataError,), "tables/yacht.csv: "),
    "sums of data": Target(
        texts("0" * 64 + "  tables/yacht.csv\n" + "1" * 64 + "  mnist/x.gz\n"),
        _data("SHA256SUMS"),
        (data.DataError,),
        "^data/SHA256SUMS: |^data/tables/yacht.csv: ",
    ),
    "checkpoint": Target(damaged(CHECKPOINT, [b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"\0" * 9]), _restore, ()),
}  # fmt: skip


WRONG = ("tracebacks", "nameless", "unrefused", "slow", "partial")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="of each kind (default: 1000)")
    cases = parser.parse_args().cases
    total: Counter[str] = Counter()
    before = _megabytes()
    for name, target in TARGETS.items():
        count, found = trial(target, cases=cases)
        total += count
        print(f"{name}: {count['cases']} cases, {count['refused']} refused", flush=True)
        for text in found:
            print(f"    {text}")
    names = ("cases", "refused", *WRONG)
    report = {key: total[key] for key in names} | {"megabytes": round(_megabytes() - before)}
    print(json.dumps(report))
    wrong = any(report[key] for key in WRONG)
    if wrong or total["cases"] < cases * len(TARGETS) or report["megabytes"] > MEGABYTES:
        sys.exit(1)


def trial(target: Target, *, cases: int) -> tuple[Counter, list[str]]:
    """Try so many inputs; return the counts, and the first of each kind that went wrong."""
    count: Counter[str] = Counter()
    wrong: dict[str, str] = {}

    def case(given_: Any) -> None:
        count["cases"] += 1
        started = time.process_time()
        with tempfile.TemporaryDirectory() as parent, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            folder = Path(parent)
            try:
                target.use(folder, given_)
            except target.errors as error:
                count["refused"] += 1
                said = str(error)
                if not re.search(target.says, said) or len(said.splitlines()) != 1:
                    count["nameless"] += 1
                    wrong.setdefault("nameless", f"names nothing in a line: {said!r:.400}")
            except Exception as error:
                count["tracebacks"] += 1
                place = traceback.extract_tb(error.__traceback__)[-1]
                kind = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
                wrong.setdefault(kind, f"{kind}: {error!s:.120}; input {given_!r:.400}")
            if left := {each.name for each in folder.rglob("*") if each.is_file()} - LEFT:
                count["partial"] += 1
                wrong.setdefault("partial", f"a file is left, {min(left)}: {given_!r:.400}")
        if time.process_time() - started > SECONDS:
            count["slow"] += 1
            wrong.setdefault("slow", f"slow: {given_!r:.400}")

    drawn = given(target.inputs)(case)
    generate = settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    while count["cases"] < cases:  # Hypothesis stops earlier where it knows all inputs of a kind
        before = count["cases"]
        generate(drawn)()
        if count["cases"] == before:
            break
    if target.errors and not count["refused"]:
        count["unrefused"] += 1
        wrong["unrefused"] = "none of them was refused"
    return count, list(wrong.values())


def _megabytes() -> float:
    """The most memory that this process has had; 0 on Windows, which does not tell."""
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return 0.0


if __name__ == "__main__":
    main()
