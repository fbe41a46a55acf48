"""Predictions come before their answers: what a learner is asked to predict must not stand unfolded near the question.

A prediction is followed by the code that shows the result, and by one or more cells tagged `answer`, which the build
folds. An answer may come at once where it follows by reasoning.
"""

import re
from collections.abc import Iterator, Sequence

from course.authoring.source import QUOTE, Cell

MADE = re.compile(r"""(?:fact|bound|spread)\(\s*["'](\d\d\.\w+)["']""")
BOLD = re.compile(r"\*\*[^*]+\*\*")


def problems(cells: Sequence[Cell]) -> Iterator[str]:
    """Say which predictions have no answer, or one that stands unfolded before it."""
    asked = [place for place, cell in enumerate(cells) if "predict" in cell.tags]
    answers = [place for place, cell in enumerate(cells) if "answer" in cell.tags]
    for place, following in zip(asked, [*asked[1:], len(cells)], strict=True):
        own = [answer for answer in answers if place < answer < following]
        if own:
            yield from (
                f"prediction {_begin(cells[place])}: {line}"
                for line in _spoilers(cells, place, own[0])
            )
        else:
            yield f"prediction {_begin(cells[place])}: no cell tagged answer follows"
    first = min(asked, default=len(cells))
    yield from (
        f"answer {_begin(cells[each])}: no prediction comes before"
        for each in answers
        if each < first
    )


def _spoilers(cells: Sequence[Cell], asked: int, answer: int) -> Iterator[str]:
    """Tell what gives a result away between a prediction and its answer, or in the prose above both."""
    between = cells[asked + 1 : answer]
    worked = [cell for cell in between if cell.kind == "code" and not cell.exercise]
    if between and not worked:
        yield "no code shows the result before the answer"
    made = {name for cell in worked for name in MADE.findall(cell.source)}
    for cell in filter(_is_open, cells[:answer]):
        if quoted := made & {name for name, _ in QUOTE.findall(cell.source)}:
            yield f"{_begin(cell)} quotes its result, {min(quoted)}"
    for cell in filter(_is_open, between):
        if QUOTE.search(cell.source) or BOLD.search(cell.source):
            yield f"{_begin(cell)} states a result; tag it answer"


def _is_open(cell: Cell) -> bool:
    return cell.kind == "markdown" and not cell.tags & {"answer", "predict", "quiz"}


def _begin(cell: Cell) -> str:
    return repr(" ".join(cell.source.split())[:50])
