"""How many of a check's expectations an answer meets: the credit of an answer that is not right.

A check ends at the first expectation that fails; here it goes on, as far as the answer can be used at all.
"""

from collections.abc import Mapping
from typing import Any

from course.exercises import Hint, Judging, expect, expect_close, judging
from course.verdicts import Verdict


class Tally:
    """Counts the expectations of one run of a check, and those that were met."""

    def __init__(self) -> None:
        self.met = 0
        self.seen = 0
        self.tools = {
            "expect": self._counting(expect),
            "expect_close": self._counting(expect_close),
        }

    def _counting(self, judge: Any) -> Any:
        def count(*given: Any, **named: Any) -> None:
            self.seen += 1
            try:
                judge(*given, **named)
            except Hint:
                return
            self.met += 1

        return count


def tallied(
    judge: Judging, notebook: Mapping[str, Any], answers: tuple[Any, ...], most: int = 0
) -> tuple[Verdict, int]:
    """Judge answers to an exercise; return the verdict and how many expectations hold.

    To be right on all inputs, drawn ones too, is one expectation more. `notebook` has what the check uses of the
    lesson's names. `most` is what a right answer meets, where that is known already.
    """
    assert judge.text is not None
    verdict = judge.judge(answers)
    if verdict.outcome == "right" and most:
        return verdict, most
    tally = Tally()
    if verdict.outcome != "not attempted":
        judging(judge.text, notebook, tally.tools).judge(answers)
    return verdict, tally.met + (verdict.outcome == "right")
