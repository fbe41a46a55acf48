"""Lesson 01: linear regression by batch gradient descent: algorithm, three stop rules, a command that prints its log.

The weights start at 0; every iteration adds learning_rate * sum((y - f(x)) * x) over all rows. A stop rule is a
number measured on two successive steps: the descent ends when that number is at or below the threshold.

    python -m course.topics.linear_regression --data FILE --learning-rate 1e-4 --threshold 1e-4
"""

import argparse
import csv
import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

DELIMITERS = {",": ",", ";": ";", "|": "|", "tab": "\t", "space": " "}
MISSING = {
    "na",
    "n/a",
    "#n/a",
    "nan",
    "null",
    "none",
}  # what other programs write where a number is missing


class DescentError(ArithmeticError):
    """A descent that diverges or does not come to its end; `iterations` says after how many that was clear."""

    def __init__(self, message: str, iterations: int):
        super().__init__(message)
        self.iterations = iterations


class Step(NamedTuple):
    """The weights, their sum of squared errors, and `direction` = X'(y - Xw), minus half the gradient of the sum."""

    weights: np.ndarray
    sse: float
    direction: np.ndarray


@dataclass(frozen=True)
class Log:
    """A finished descent: `weights` (iterations + 1, columns) and `sse` (iterations + 1,); row 0 is the start."""

    weights: np.ndarray
    sse: np.ndarray

    @property
    def iterations(self) -> int:
        return len(self.sse) - 1

    def csv(self) -> str:
        """Return the log as CSV text: a header, then iteration, weights and sse of each row with 4 decimals."""
        columns = [f"w{number}" for number in range(self.weights.shape[1])]
        lines = [",".join(["iteration", *columns, "sse"])]
        for iteration, numbers in enumerate(np.column_stack([self.weights, self.sse])):
            cells = [f"{number:.4f}" for number in numbers]
            lines.append(",".join([str(iteration), *cells]))
        return "\n".join(lines)


def sse_change(before: Step, now: Step) -> float:
    """By how much the sum of squared errors changed."""
    return abs(before.sse - now.sse)


def sse_itself(_before: Step, now: Step) -> float:
    """Return the sum of squared errors."""
    return now.sse


def half_gradient_norm(_before: Step, now: Step) -> float:
    """Half the gradient's length. Divided by the least eigenvalue of X'X it bounds the distance to the solution."""
    return float(np.linalg.norm(now.direction))


def descend(
    X: np.ndarray,
    y: np.ndarray,
    *,
    learning_rate: float,
    threshold: float,
    stop: Callable[[Step, Step], float] = sse_change,
    max_iterations: int = 100_000,
) -> Log:
    """Fit y = Xw from w = 0 until the stop rule measures at most `threshold`.

    X is (rows, columns), its first column 1 for the bias (see `with_bias`); y is (rows,). Raises ValueError for a
    rate or threshold that is not allowed, DescentError when the sum of squared errors doubles (below the stability
    limit it never even rises), when the first step is too short to change it, or when the rule is not met within
    `max_iterations`.
    """
    if not 0 < learning_rate < np.inf:
        raise ValueError(f"learning rate = {learning_rate:g}: must be above 0 and finite")
    if not threshold >= 0:
        raise ValueError(f"threshold = {threshold:g}: must be 0 or more")
    with np.errstate(over="ignore", invalid="ignore"):
        first = _step(X, y, np.zeros(X.shape[1]))
        log = [first]
        for iteration in range(1, max_iterations + 1):
            before = log[-1]
            now = _step(X, y, before.weights + learning_rate * before.direction)
            log.append(now)
            if not now.sse <= 2 * first.sse < np.inf:  # also true of NaN
                change = f"diverges, SSE {first.sse:.4g} -> {now.sse:.4g} at iteration {iteration}"
                cure = f"must be below {stability_limit(X):.4g}, 2 / lambda_max of X'X"
                raise DescentError(
                    f"learning rate = {learning_rate:g}: {change}; {cure}", iteration
                )
            if iteration == 1 and _idle(before, now, X, y):
                change = f"the first step changes nothing, SSE stays {now.sse:.4g}"
                cure = f"raise it (limit {stability_limit(X):.4g})"
                raise DescentError(
                    f"learning rate = {learning_rate:g}: {change}; {cure}", iteration
                )
            measured = stop(before, now)
            if measured <= threshold:
                weights = np.array([step.weights for step in log])
                sse = np.array([step.sse for step in log])
                return Log(weights, sse)
    left = f"{stop.__name__} is still {measured:.4g} after {max_iterations} iterations"
    cure = "raise it"
    if stop is not sse_itself:  # noise keeps the error itself large, whatever the rate
        cure += f", or the learning rate (limit {stability_limit(X):.4g})"
    raise DescentError(f"threshold = {threshold:g}: {left}; {cure}", max_iterations)


def stability_limit(X: np.ndarray) -> float:
    """Return the learning rate at and above which `descend` does not converge: 2 / lambda_max of X'X.

    The error w - w* is multiplied by I - learning_rate * X'X in each iteration, and shrinks when no eigenvalue of
    that matrix reaches -1.
    """
    with np.errstate(over="ignore", divide="ignore"):
        largest = np.linalg.norm(X, 2) ** 2
        return float(2 / largest)


def with_bias(x: np.ndarray) -> np.ndarray:
    """Put a column of 1 before the inputs `x` (rows, features)."""
    ones = np.ones(len(x))
    return np.column_stack([ones, x])


def read_csv(path: Path, delimiter: str = ",") -> tuple[np.ndarray, np.ndarray]:
    """Read inputs (rows, features) and, from the last column, the target (rows,); a header row is skipped.

    A header is a first row of names, each of which starts with a letter. Raises ValueError, naming file and row, for
    anything but rows of equally many finite numbers, OSError when the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            reader = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
            rows = [(number, cells) for number, cells in enumerate(reader, start=1) if cells]
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path}: is not CSV text: {error}") from error
    if not rows:
        raise ValueError(f"{path}: has no rows of numbers")
    number, first = rows[0]
    width = len(first)
    if width < 2:
        raise ValueError(
            f"{path}: has 1 column: row {number} is {first[0]!r}; {_cure_of_one_column(rows)}"
        )
    if not any(map(_is_number, first)):
        _check_names(f"{path}: row {number}", first)
        rows = rows[1:]
    if not rows:
        raise ValueError(f"{path}: has no rows of numbers")
    table = np.array([_numbers(f"{path}: row {number}", cells, width) for number, cells in rows])
    inputs = table[:, :-1]
    target = table[:, -1]
    return inputs, target


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a wrong input ends it with one line on stderr and exit status 2."""
    program = "python -m course.topics.linear_regression"
    parser = _Parser(prog=program, description="Fit a linear model by gradient descent.")
    parser.add_argument(
        "--data", type=Path, required=True, help="CSV of numbers, the last column is the target"
    )
    parser.add_argument("--learning-rate", "--learningRate", type=float, required=True)
    parser.add_argument(
        "--threshold", type=float, required=True, help="stop when the SSE changes by no more"
    )
    parser.add_argument(
        "--delimiter", choices=DELIMITERS, default=",", help="what separates the columns of the CSV"
    )
    options = parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    try:
        x, y = read_csv(options.data, DELIMITERS[options.delimiter])
        log = descend(
            with_bias(x), y, learning_rate=options.learning_rate, threshold=options.threshold
        )
    except OSError as error:
        parser.error(f"{options.data}: {error.strerror}")
    except (ValueError, DescentError) as error:
        parser.error(str(error))
    try:
        print(log.csv(), flush=True)
    except BrokenPipeError:  # its reader has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one line; argparse would print the usage as well."""
        self.exit(2, f"error: {message}\n")


def _joined(arguments: Sequence[str]) -> list[str]:
    """Write `--name value` as `--name=value`, since argparse takes a value such as -1e-4 for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _step(X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> Step:
    residual = y - X @ weights
    return Step(weights, float(residual @ residual), X.T @ residual)


def _idle(before: Step, now: Step, X: np.ndarray, y: np.ndarray) -> bool:
    """Whether a step left residuals as they were, though there was somewhere to go."""
    if now.sse != before.sse or not np.array_equal(now.direction, before.direction):
        return False
    rounding = np.finfo(float).eps * len(y) * np.linalg.norm(X) * np.linalg.norm(y)
    return bool(np.linalg.norm(before.direction) > rounding)


def _check_names(row: str, cells: list[str]) -> None:
    """Raise ValueError for a first row without numbers that is no header either: it would be lost as one."""
    for column, cell in enumerate(cells, start=1):
        if not cell.strip() or cell.startswith("Unnamed:"):
            cure = "write the file without it (pandas: index=False, R: row.names=FALSE), or name it if it is an input"
            raise ValueError(f"{row}: column {column} has no name, like an index: {cure}")
        if cell.lower() in MISSING or not (cell[0].isalpha() or cell[0] == "_"):
            raise ValueError(
                f"{row}: {cell!r} is neither a number nor a name that starts with a letter{_cure(cell)}"
            )
        if cell in cells[: column - 1]:
            raise ValueError(f"{row}: two columns are named {cell!r}: is this a header?")


def _numbers(row: str, cells: list[str], width: int) -> list[float]:
    if len(cells) != width:
        raise ValueError(f"{row} has {len(cells)} columns: must have {width}, as the first row")
    for cell in cells:
        if not (_is_number(cell) and np.isfinite(float(cell))):
            raise ValueError(f"{row}: {cell!r} is not a finite number{_cure(cell)}")
    return [float(cell) for cell in cells]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_5 as 15


def _cure_of_one_column(rows: list[tuple[int, list[str]]]) -> str:
    wider = next((number for number, cells in rows if len(cells) > 1), None)
    if wider:
        return f"row {wider} has more: delete lines of title or comment above the table"
    return (
        _cure_of_delimiter(rows[-1][1][0]) or "must have at least one input and, last, the target"
    )


def _cure_of_delimiter(cell: str) -> str:
    """Return the option that splits a cell, if one of the separators is in it."""
    found = next((name for name, sign in DELIMITERS.items() if sign in cell.strip()), None)
    return f"if columns are separated by {found}, say --delimiter '{found}'" if found else ""


def _cure(cell: str) -> str:
    """Return what to do about a cell that is no number, as far as its characters tell."""
    foreign = next((character for character in cell if not character.isascii()), None)
    if foreign:
        return f": it holds U+{ord(foreign):04X} {unicodedata.name(foreign, '')}; write numbers in ASCII"
    cure = _cure_of_delimiter(cell)
    return f"; {cure}" if cure else ""


if __name__ == "__main__":
    main()
