"""Every fact and every bound of the course can fail: each is turned, and the judge of runs and nbval refuse each.

To turn a claim is to give it the nearest value that its promise excludes.
"""

import math
import re
import subprocess
import sys
from dataclasses import asdict, replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course import ROOT, outputs
from course.catalog import all_lessons
from course.claims import Claim, row
from course.runs import judge
from course.runs.records import Record


def promises() -> list[Claim]:
    """All facts and bounds of the course, as the stored notebooks show them."""
    notebooks = [nbformat.read(lesson.path("solutions"), as_version=4) for lesson in all_lessons()]
    shown = [Claim(**record) for notebook in notebooks for record in outputs.claims_in(notebook)]
    return [claim for claim in shown if claim.promise]


def turned(claim: Claim) -> list[Claim]:
    """The claim with each of its limits just missed."""
    values = []
    if claim.equals is not None:
        values = [1 - claim.equals if claim.equals in (0, 1) else claim.equals + 1]
    if claim.at_least is not None:
        values.append(math.nextafter(claim.at_least, -math.inf))
    if claim.at_most is not None:
        values.append(math.nextafter(claim.at_most, math.inf))
    return [replace(claim, value=value) for value in values]


@pytest.fixture(scope="module")
def all_turned() -> list[tuple[Claim, Claim]]:
    pairs = [(claim, other) for claim in promises() for other in turned(claim)]
    assert len(pairs) > 100
    return pairs


def test_the_judge_of_runs_refuses_every_fact_and_bound_that_is_turned(all_turned):
    refused = 0
    for claim, other in all_turned:
        lesson = next(each.name for each in all_lessons() if each.number == claim.name[:2])
        for made, expected in ((claim, 0), (other, 1)):
            record = Record(
                lesson, lesson, {"seed": 0}, "passed", 1.0, "", 1.0, {made.name: made}, {}, None, {}
            )
            found = len(list(judge.refusals(record)))
            assert found == expected, made
            refused += found
    print(f"{refused} of {len(all_turned)} turned facts and bounds refused by the judge")
    assert refused == len(all_turned)


def test_nbval_refuses_every_fact_and_bound_that_is_turned(all_turned, tmp_path):
    cells = [told(claim, claim) for claim in promises()] + [
        told(claim, other) for claim, other in all_turned
    ]
    path = tmp_path / "turned.ipynb"
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": ""}}),
        path,
    )
    sanitizer = ROOT / "tests" / "nbval.cfg"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-sanitize-with",
        sanitizer,
        "-p",
        "no:timeout",
        path,
    ]
    run = subprocess.run(map(str, command), cwd=ROOT, capture_output=True, text=True)
    counts = {
        word: int(number)
        for number, word in re.findall(r"(\d+) (passed|failed)", run.stdout.splitlines()[-1])
    }
    print(f"{counts['failed']} of {len(all_turned)} turned facts and bounds refused by nbval")
    assert counts == {"passed": len(promises()), "failed": len(all_turned)}


def told(stored: Claim, computed: Claim):
    """A cell whose stored output shows one claim and whose code shows another."""
    code = "from course.claims import Claim, row\nfrom course.outputs import announce_claim\n"
    code += f"announce_claim({{}}, row(Claim(**{asdict(computed)!r})))"
    output = new_output("display_data", data=outputs.table([row(stored)]))
    return new_code_cell(code, execution_count=1, outputs=[output])
