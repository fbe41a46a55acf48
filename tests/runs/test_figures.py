"""What the parameters of a grid do, in pictures and in words; the oracle is arithmetic by hand."""

import base64
import io
import subprocess
import sys

import pytest
from PIL import Image

from course.claims import Claim
from course.runs import figures
from course.runs.records import Record


def run(parameters, *, lesson="98_trial", kind="spread", **values):
    standard = parameters.keys() <= {"seed", "fast"}
    claims = {
        f"98.{key}": Claim(f"98.{key}", kind, f"the {key}", value, digits=2, standard=standard)
        for key, value in values.items()
    }
    return Record(lesson, lesson, parameters, "passed", 1.0, "", 1.0, claims, {}, None, {})


GRID = [
    run({"seed": seed, "epochs": epochs}, loss=10 / epochs + seed)
    for seed in (0, 1, 4)
    for epochs in (1, 2, 5)
]


@pytest.mark.parametrize(
    ("parameters", "swept"),
    [
        ([{"epochs": 1}, {"epochs": 2}], ["epochs"]),
        ([{"epochs": 1, "rate": 0.1}, {"epochs": 2, "rate": 0.2}], ["epochs", "rate"]),
        ([{"seed": 0, "epochs": 1}, {"seed": 1, "epochs": 2}], ["epochs"]),
        ([{"seed": 0}, {"seed": 1}], ["seed"]),
        ([{"optimizer": "sgd"}, {"optimizer": "adam"}], []),
        ([{"seed": 0, "optimizer": "sgd"}, {"seed": 1, "optimizer": "adam"}], ["seed"]),
        ([{"fast": True}, {"fast": False}], []),
        ([{"epochs": 1}, {"epochs": 1}], []),
        ([{}, {}], []),
        ([], []),
    ],
)
def test_what_is_swept_are_parameters_with_several_numbers(parameters, swept):
    assert figures.swept([run(each) for each in parameters]) == swept


def test_each_place_has_the_median_of_its_runs():
    (panel,) = figures.panels(GRID)
    assert (panel.lesson, panel.parameter) == ("98_trial", "epochs")
    assert panel.alt == "the loss over epochs, 9 runs. Median: 11.00 at 1, 6.00 at 2, 3.00 at 5."


def test_the_picture_is_a_png_that_carries_its_words():
    (panel,) = figures.panels(GRID)
    picture = Image.open(io.BytesIO(base64.b64decode(panel.picture)))
    assert picture.format == "PNG"
    assert picture.info["Description"] == panel.alt
    assert picture.width == pytest.approx(1.5 * panel.width, abs=2)


def test_another_parameter_that_differs_has_a_line_for_each_of_its_values_also_of_texts():
    grid = [
        run({"seed": seed, "optimizer": name, "epochs": epochs}, loss=start + epochs)
        for seed in (0, 1)
        for name, start in (("sgd", 10), ("adam", 20))
        for epochs in (1, 2)
    ]
    (panel,) = figures.panels(grid)
    assert "optimizer = sgd: 11 at 1, 12 at 2." in panel.alt.replace(".00", "")
    assert "optimizer = adam: 21 at 1, 22 at 2." in panel.alt.replace(".00", "")


def test_more_lines_than_can_be_told_apart_become_dots_alone():
    grid = [
        run({"size": size, "epochs": epochs}, loss=size * epochs)
        for size in range(9)
        for epochs in (1, 2)
    ]
    over_epochs = next(panel for panel in figures.panels(grid) if panel.parameter == "epochs")
    assert "18 runs. Median: 4.00 at 1, 8.00 at 2." in over_epochs.alt


def test_few_results_are_drawn_bounds_first_and_none_that_tells_nothing():
    records = []
    for seed in (0, 1):
        drawn = {f"s{number}": seed + number for number in range(6)}
        record = run({"seed": seed}, same=1.0, missing=float("nan"), **drawn)
        record.claims.update(run({}, kind="fact", count=seed).claims)
        record.claims.update(run({}, kind="bound", limit=2 + seed).claims)
        records.append(record)
    names = [panel.alt.partition(" over ")[0] for panel in figures.panels(records)]
    assert names == ["the limit", "the s0", "the s1", "the s2"]


def test_a_result_that_only_the_seed_changes_is_not_drawn_over_another_number():
    grid = [
        run({"seed": seed, "epochs": epochs}, loss=epochs, limit=seed)
        for seed in (0, 1)
        for epochs in (1, 2)
    ]
    assert [panel.alt.partition(" over ")[0] for panel in figures.panels(grid)] == ["the loss"]


def test_runs_of_the_courses_own_parameters_lie_beside_its_range(house):
    house.claims('["98.loss"]\nunit = ""\ndigits = 1\n["98.loss".full]\nvalues = [1.0, 2.0, 4.0]\n')
    (panel,) = figures.panels([run({"seed": seed}, loss=seed + 1) for seed in (0, 1)])
    assert "The course has 2.0 (1.0 to 4.0)." in panel.alt
    (panel,) = figures.panels([run({"epochs": epochs}, loss=epochs) for epochs in (1, 2)])
    assert "The course" not in panel.alt


@pytest.mark.parametrize("values", [range(1, 41), (0.001, 0.01, 0.1, 1.0), (-3, 0, 2)])
def test_many_places_and_wide_and_negative_ones_are_drawn_and_told(values):
    (panel,) = figures.panels([run({"rate": value}, loss=2 * value) for value in values])
    many = "rises from 2 to 80" if len(values) > 4 else f"{2 * values[-1]:.2f} at {values[-1]:g}."
    assert many in panel.alt


def test_runs_without_results_have_no_panel_and_keep_none_from_others():
    assert figures.panels([run({"epochs": 1}), run({"epochs": 2})]) == []
    assert len(figures.panels([*GRID, run({"seed": 7, "epochs": 1})])) == 1


def test_lessons_are_drawn_apart():
    other = [run({"epochs": n}, lesson="97_other", gain=n) for n in (1, 2)]
    assert [each.lesson for each in figures.panels([*GRID, *other])] == ["98_trial", "97_other"]


def test_neither_figures_nor_pages_import_tensorflow():
    code = "import sys; from course.runs import figures, notebook_page, report"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print({{'tensorflow', 'keras'}} & set(sys.modules))"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "set()", done.stderr
