"""Do the checks refuse wrong answers? Every solution is changed in one place, and its check must say wrong or broken.

python -m benchmarks.mutants          # all exercises
python -m benchmarks.mutants 05 11.2  # those of lesson 05, and one more

A mutant changes a comparison, an operator, a constant, a boundary or an index, swaps two arguments, or leaves out a
statement. EQUIVALENT names mutants that do what the solution does; they are shown and left out. A hint is specific
unless the check marks it as one that fits any mistake; `broken` counts those told by an error at their own line, which
are among the specific. The last line is JSON.

Reached with all exercises of the nineteen lessons: 1,178 mutants (and 35 equivalent ones), all refused, 1,096 (93%)
with a specific hint, of which 246 were told by an error. Exit code 1 below 95% and 80%.
"""

import argparse
import ast
import contextlib
import io
import json
import signal
import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from benchmarks.changes import GUARDS, Replace, mutations
from course.authoring.slice import namespace
from course.authoring.source import Source, read
from course.catalog import all_lessons
from course.exercises import verdict
from course.verdicts import Verdict

COUNTED = ("mutants", "equivalent", "refused", "specific", "broken")
TIME_LIMIT = 20  # processor seconds for one mutant; an endless loop counts as refused: a learner sees it hang
EQUIVALENT = {  # the exercise, and the line as the mutant has it: why it does the same
    "02.2 for matrix, bias in zip(weights[:-3:2], weights[1:-2:2], strict=True):": "the list has an even length",
    "02.2 for matrix, bias in zip(weights[:-2:2], weights[1:-1:2], strict=True):": "the list has an even length",
    "02.3 filled, fold_of = (np.ones(folds), {})": "all folds begin alike",
    "03.3 mine = classifier(x_train, y_train, epochs=epochs)": "only what is printed differs",
    "03.3 mine = classifier(x_train, y_train, epochs=epochs, verbose=1)": "only what is printed differs",
    "03.3 guess = species[mine.predict(scaled(stranger)).argmax()]": "only what is printed differs",
    "03.3 guess = species[mine.predict(scaled(stranger), verbose=1).argmax()]": "only what is printed differs",
    "03.3 model.fit(batches, **fit_arguments)": "Keras leaves the order of a Dataset alone",
    "03.3 model.fit(batches, shuffle=True, **fit_arguments)": "Keras leaves the order of a Dataset alone",
    "05.3 keep = rng.random(x.shape) > rate": "no draw equals the rate",
    "06.1 within = ops.abs(y_true - y_pred) <= 0.1 * ops.abs(y_true)": "|a - b| = |b - a|",
    "06.1 return ops.mean(ops.cast(within, 'float32'), axis=1)": "the last axis of two",
    "06.1 return ops.sum(ops.cast(within, 'float32'), axis=-1)": "a single column",
    "06.2 super().__init__()": "only the name differs",
    "06.2 self.worst = self.add_variable((), initializer='zeros')": "only the name differs",
    "06.2 self.worst.assign(ops.maximum(self.worst, ops.max(ops.abs(y_true - y_pred))))": "|a - b| = |b - a|",
    "06.3 return np.var(y_true) + np.var(y_pred) + (np.mean(y_true) - np.mean(y_pred)) ** 2": "a square",
    "07.2 predicted = ops.one_hot(ops.argmax(y_pred, axis=1), 3)": "the last axis of two",
    "08.2 return np.mean(2 * hits / np.maximum(total, 2))": "a total of 1 has no hit",
    "09.3 return probability * miss >= (1 - probability) * alarm": "where both cost the same, either is least",
    "12.2 partial = path.with_name('.partial')": "any name in that folder will do",
    "14.3 return np.mean([max(precision[recall >= level], default=0) for level in np.linspace(1, 0, 101)])": (
        "the same levels"
    ),
    "15.3 pass": "a function without a return gives None",
    "16.3 return 4 + 4 + moments": "both precisions take 8 bytes",
    "16.3 return 2 + 2 + 4 + moments": "both precisions take 8 bytes",
    "16.3 return (2 + 2 + 4 if precision == 'full' else 4 + 4) + moments": "both precisions take 8 bytes",
    "16.3 return (4 + 4 if precision != 'full' else 2 + 2 + 4) + moments": "both precisions take 8 bytes",
    "17.1 return weighted / np.where(length > 0, length, 2)": "a text without words is 0, divided by anything",
    "17.1 return weighted / np.where(length > 1, length, 1)": "a text with words has at least the length 1",
    "18.2 factor = min(1.0, limit / norm)": "for NumPy a limit over 0 is infinite",
    "18.2 factor = min(1.0, limit / norm) if norm >= 0 else 1.0": "for NumPy a limit over 0 is infinite",
    "18.2 factor = min(1.0, limit / norm) if norm > 0 else 2.0": "any factor leaves 0 at 0",
    "18.2 factor = min(1.0, limit / norm) if norm > 0 else 0": "any factor leaves 0 at 0",
    "18.3 if step <= warmup:": "at that step both give the peak",
    "19.3 order = np.argsort(curves[left, epochs - 1])": "no two of the drawn errors are equal",
}


def mutants(solution: str) -> Iterator[tuple[str, str]]:
    """Give the name and the text of every mutant of `solution`, each text once."""
    original = ast.parse(solution)
    seen = {ast.unparse(original)}
    guards = {
        id(each.value)
        for each in ast.walk(original)
        if isinstance(each, ast.keyword) and each.arg in GUARDS
    }
    for place, node in enumerate(ast.walk(original)):
        if id(node) in guards:
            continue
        for number, _ in enumerate(mutations(node)):
            tree = ast.parse(solution)
            target = list(ast.walk(tree))[place]
            other = list(mutations(target))[number]
            text = ast.unparse(ast.fix_missing_locations(Replace(target, other).visit(tree)))
            if text not in seen:
                seen.add(text)
                yield _changed(ast.unparse(original), text), text


def judged(source: Source, exercise: str, text: str) -> Verdict:
    """Judge one answer to `exercise` as its check does; what the answer itself breaks on is broken."""
    space = namespace(source, exercise)
    try:
        with _limited(), contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, "<mutant>", "exec"), space)
            return verdict(exercise, space)
    except Exception as error:
        return Verdict("broken", (f"{type(error).__name__}: {error}",))


def main() -> None:
    """Print each mutant that passed or got a general hint, a line an exercise, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chosen", nargs="*", help="such as 05 or 11.2; by default all")
    chosen = parser.parse_args().chosen
    known = {name for lesson in all_lessons() for name in (lesson.number, *lesson.exercises)}
    if unknown := [each for each in chosen if each not in known]:
        parser.error(f"{unknown[0]}: no such lesson or exercise")
    total = dict.fromkeys(COUNTED, 0)
    for lesson in all_lessons():
        if chosen and not any(each.startswith(lesson.number) for each in chosen):
            continue
        source = read(lesson.name)
        for exercise, cells in source.exercises.items():
            if chosen and not {exercise, source.number} & {*chosen}:
                continue
            found = _tried(
                source,
                exercise,
                "\n".join(cell.source for cell in cells if "solution" in cell.tags),
            )
            print(
                exercise,
                *(f"{count} {what}" for what, count in found.items()),
                sep="  ",
                flush=True,
            )
            total = {what: count + found[what] for what, count in total.items()}
    shares = {
        what: round(100 * total[what] / max(total["mutants"], 1), 1)
        for what in ("refused", "specific")
    }
    print(json.dumps(total | {f"{what}_percent": share for what, share in shares.items()}))
    if shares["refused"] < 95 or shares["specific"] < 80:
        sys.exit("must be refused to 95% at least, and to 80% with a specific hint")


def _tried(source: Source, exercise: str, solution: str) -> dict[str, int]:
    if (found := judged(source, exercise, solution)).outcome != "right":
        sys.exit(f"{exercise}: its solution is not right but {found.outcome}: {found.hints[:1]}")
    counts = dict.fromkeys(COUNTED, 0)
    unseen = {name for name in EQUIVALENT if name.startswith(f"{exercise} ")}
    for change, text in mutants(solution):
        name = f"{exercise} {change.split(': ', 1)[1]}"
        found = judged(source, exercise, text)
        if name in EQUIVALENT and found.outcome == "right":
            counts["equivalent"] += 1
            unseen.discard(name)
            print(f"    equivalent  {name}  ({EQUIVALENT[name]})")
            continue
        counts["mutants"] += 1
        counts["refused"] += found.outcome != "right"
        specific = found.outcome != "right" and not found.general
        counts["specific"] += specific
        counts["broken"] += found.outcome == "broken"
        if not specific:
            print(f"    {'passed ' if found.outcome == 'right' else 'general'}  {name}")
    if unseen:
        sys.exit(f"EQUIVALENT names what is no mutant that passes: {'; '.join(sorted(unseen))}")
    return counts


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError(f"not done after {TIME_LIMIT} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, TIME_LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _changed(solution: str, text: str) -> str:
    """The first line of `text` that is not the solution's, with its number."""
    pairs = zip_longest(solution.splitlines(), text.splitlines(), fillvalue="")
    number, line = next((number, new) for number, (old, new) in enumerate(pairs, 1) if old != new)
    return f"{number}: {line.strip()}"


if __name__ == "__main__":
    main()
