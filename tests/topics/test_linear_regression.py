"""Batch gradient descent against the stored trace, against least squares, and on every bad input."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course import ROOT
from course.data import DATA, table
from course.topics.linear_regression import (
    DescentError,
    descend,
    half_gradient_norm,
    main,
    read_csv,
    sse_change,
    sse_itself,
    stability_limit,
    with_bias,
)

PLANE = DATA / "tables" / "linreg_plane.csv"
TRACE = DATA / "tables" / "linreg_plane_solution_eta1e-4_thr1e-4.csv"


def plane():
    x, y = read_csv(PLANE)
    return with_bias(x), y


def yacht():
    rows = table("yacht").to_numpy()
    x = rows[:, :-1]
    return with_bias((x - x.mean(axis=0)) / x.std(axis=0)), rows[:, -1]


def run(*arguments):
    command = [sys.executable, "-m", "course.topics.linear_regression", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def refusal(capsys, *arguments):
    """The one line that the command says when it ends with status 2."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert output.out == ""
    assert output.err.endswith("\n")
    assert len(output.err.splitlines()) == 1
    return output.err


def random_problem(seed, rows, columns):
    rng = np.random.default_rng(seed)
    return with_bias(rng.normal(size=(rows, columns)) * rng.uniform(0.3, 3, columns)), rng.normal(
        2, 1, rows
    )


@pytest.mark.parametrize("spelling", ["--learning-rate", "--learningRate"])
def test_the_command_prints_the_stored_trace(spelling):
    ran = run("--data", PLANE, spelling, "1e-4", "--threshold", "1e-4")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == TRACE.read_text(encoding="utf-8")


def test_a_file_without_a_header_gives_the_same_log(tmp_path, capsys):
    bare = tmp_path / "bare.csv"
    bare.write_text(PLANE.read_text(encoding="utf-8").split("\n", 1)[1], encoding="utf-8")
    main(["--data", str(bare), "--learning-rate=1e-4", "--threshold=1e-4"])
    assert capsys.readouterr().out == TRACE.read_text(encoding="utf-8")


def test_one_iteration_by_hand():
    # y = 2x through (1, 2) and (2, 4): residuals 2 and 4, so the bias gains .1 * 6 and the slope .1 * (2 + 8).
    log = descend(
        with_bias(np.array([[1.0], [2.0]])), np.array([2.0, 4.0]), learning_rate=0.1, threshold=1e9
    )
    np.testing.assert_allclose(log.weights, [[0, 0], [0.6, 1.0]])
    np.testing.assert_allclose(log.sse, [20, 0.4**2 + 1.4**2])
    assert log.iterations == 1


@pytest.mark.parametrize(("grown", "caught_at"), [(1.9, 2), (2.1, 1)])
def test_a_descent_is_refused_once_its_error_has_doubled(grown, caught_at):
    # y = w x through (1, 1): a rate r makes the error (1 - r)^2 times as large in each iteration.
    with pytest.raises(DescentError) as caught:
        descend(np.ones((1, 1)), np.ones(1), learning_rate=1 + grown**0.5, threshold=0)
    assert caught.value.iterations == caught_at


def test_what_overflows_is_refused_without_a_warning(recwarn):
    with pytest.raises(DescentError, match=r"must be below 0, 2"):
        descend(np.full((2, 1), 1e200), np.ones(2), learning_rate=1e300, threshold=0)
    assert not list(recwarn)


@pytest.mark.parametrize("problem", [plane, yacht])
def test_a_gradient_norm_stop_is_as_near_to_least_squares_as_it_promises(problem):
    X, y = problem()
    eigenvalues = np.linalg.eigvalsh(X.T @ X)
    rate = 1 / eigenvalues[-1]
    log = descend(
        X, y, learning_rate=rate, threshold=1e-4 * eigenvalues[0], stop=half_gradient_norm
    )
    assert np.linalg.norm(log.weights[-1] - np.linalg.lstsq(X, y)[0]) <= 1e-4


def test_the_loss_is_never_below_the_threshold_when_the_data_have_noise():
    X, y = yacht()
    with pytest.raises(DescentError, match=r"sse_itself is still 2\.416e"):
        descend(X, y, learning_rate=1e-3, threshold=1e-4, stop=sse_itself, max_iterations=3000)


def test_the_stability_limit_is_two_over_the_greatest_eigenvalue():
    X, _ = yacht()
    assert stability_limit(X) == pytest.approx(2 / np.linalg.eigvalsh(X.T @ X)[-1], rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(5, 60), st.integers(1, 4), st.floats(0.05, 0.99))
def test_below_the_limit_the_error_never_rises_and_above_it_the_descent_is_refused(
    seed, rows, columns, share
):
    X, y = random_problem(seed, rows, columns)
    limit = 2 / np.linalg.eigvalsh(X.T @ X)[-1]
    log = descend(X, y, learning_rate=share * limit, threshold=1e-6 * (y @ y))
    assert np.all(np.diff(log.sse) <= 1e-12 * log.sse[0])
    with pytest.raises(DescentError, match=r"diverges.*must be below"):
        descend(X, y, learning_rate=limit / share, threshold=0)


@pytest.mark.parametrize("rate", [1e-3, 0.1, 1.0, 1e300])
def test_unscaled_data_are_refused_at_once_and_without_a_warning(rate, recwarn):
    rows = table("yacht").to_numpy()
    with pytest.raises(DescentError, match=r"must be below 0\.0001156") as caught:
        descend(with_bias(rows[:, :-1]), rows[:, -1], learning_rate=rate, threshold=1e-4)
    assert caught.value.iterations == 1
    assert not list(recwarn)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("x,y\n1,2\n3,4,5\n", "row 3 has 3 columns: must have 2"),
        ("x,z,y\n1,2\n3,4\n", "row 2 has 2 columns: must have 3"),
        ("1,2\n3,four\n", "row 2: 'four' is not a finite number"),
        ("1,two\n3,4\n", "row 1: 'two' is not a finite number"),
        ("x,y\n1,\n", "row 2: '' is not a finite number"),
        ("x,y\n1,NaN\n", "row 2: 'NaN' is not a finite number"),
        ("inf,2\n3,4\n", "row 1: 'inf' is not a finite number"),
        ("", "has no rows of numbers"),
        ("x,y\n", "has no rows of numbers"),
        ("y\n1\n2\n", "has 1 column"),
        (
            "1;2\n3;4\n",
            "has 1 column: row 1 is '1;2'; if columns are separated by ;, say --delimiter ';'",
        ),
        ("x\ty\n1\t2\n", "say --delimiter 'tab'"),
        ("1 2\n3 4\n", "say --delimiter 'space'"),
        (
            "1,5;2,5\n3,5;4,5\n",
            "row 1: '5;2' is not a finite number; if columns are separated by ;, say --delimiter",
        ),
        (
            "# from the lab\nx,y\n1,2\n",
            "row 1 is '# from the lab'; row 2 has more: delete lines of title or comment",
        ),
        ("sep=;\n1;2\n", "say --delimiter ';'"),
        ("Results, of 2020\nx,y\n1,2\n", "row 2: 'x' is not a finite number"),
        ("\u22121,\u22122,\u22125\n1,2,3\n", "row 1: '\u22121' is neither a number nor a name"),
        ("1,2\n3,\u22124\n", "row 2: '\u22124' is not a finite number: it holds U+2212 MINUS SIGN"),
        ("NA,NA,NA\n1,2,3\n", "row 1: 'NA' is neither a number nor a name"),
        ("1O,2O\n1,2\n", "row 1: '1O' is neither a number nor a name that starts with a letter"),
        ("x,x\n1,2\n", "row 1: two columns are named 'x'"),
        (",x,y\n0,1,2\n1,3,4\n", "row 1: column 1 has no name, like an index"),
        ("Unnamed: 0,x,y\n0,1,2\n", "row 1: column 1 has no name, like an index"),
        ("x,y\n1_5,2\n", "row 2: '1_5' is not a finite number"),
        ('x,y\n"1"5,2\n', "is not CSV text"),
    ],
)
def test_a_bad_csv_is_one_line_that_names_the_file(content, complaint, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    line = refusal(capsys, "--data", path, "--learning-rate", "1e-3", "--threshold", "1e-3")
    assert complaint in line
    assert "bad.csv" in line


@pytest.mark.parametrize(
    ("name", "sign"), [(";", ";"), ("tab", "\t"), ("|", "|"), ("space", "  "), (",", ", ")]
)
def test_a_file_with_another_delimiter_gives_the_same_log(name, sign, tmp_path, capsys):
    path = tmp_path / "other.csv"
    path.write_text(PLANE.read_text(encoding="utf-8").replace(",", sign), encoding="utf-8")
    main(["--data", str(path), "--learning-rate=1e-4", "--threshold=1e-4", "--delimiter", name])
    assert capsys.readouterr().out == TRACE.read_text(encoding="utf-8")


def test_an_index_that_pandas_wrote_is_refused_and_without_it_the_file_is_read(tmp_path):
    frame = pd.DataFrame({"x": [1.5, 2.5], "y": [3, 4]})
    path = tmp_path / "frame.csv"
    frame.to_csv(path)
    with pytest.raises(ValueError, match="index=False"):
        read_csv(path)
    frame.to_csv(path, index=False)
    x, y = read_csv(path)
    assert (x.tolist(), y.tolist()) == ([[1.5], [2.5]], [3, 4])


@pytest.mark.parametrize("stop", [sse_change, sse_itself, half_gradient_norm])
def test_a_step_that_changes_nothing_is_no_convergence(stop):
    X, y = plane()
    with pytest.raises(
        DescentError, match=r"learning rate = 1e-300: the first step changes nothing, SSE stays"
    ):
        descend(X, y, learning_rate=1e-300, threshold=1e-4, stop=stop)


def test_a_descent_that_starts_at_its_end_has_converged():
    X = with_bias(np.array([[-1.0], [1.0], [-0.1], [0.1]]))
    y = np.array([0.3, 0.3, -0.3, -0.3])
    for target in (y, 0 * y):
        log = descend(X, target, learning_rate=1e-3, threshold=1e-9)
        np.testing.assert_allclose(log.weights, np.zeros((2, 2)), atol=1e-15)


def test_at_the_floor_of_rounding_a_threshold_of_0_is_reached():
    X, y = plane()
    log = descend(X, y, learning_rate=0.5 * stability_limit(X), threshold=0)
    np.testing.assert_allclose(log.weights[-1], np.linalg.lstsq(X, y)[0], atol=1e-9)


def test_what_is_no_text_is_refused(tmp_path, capsys):
    path = tmp_path / "binary.csv"
    path.write_bytes(bytes(range(256)))
    assert "is not CSV text" in refusal(
        capsys, "--data", path, "--learning-rate", "1e-3", "--threshold", "1e-3"
    )


@pytest.mark.parametrize(
    ("data", "rate", "threshold", "complaint"),
    [
        ("missing.csv", "1e-4", "1e-4", "missing.csv: No such file"),
        (PLANE.parent, "1e-4", "1e-4", "tables: "),
        (PLANE, "1e-2", "1e-4", "learning rate = 0.01: diverges"),
        (PLANE, "0", "1e-4", "learning rate = 0: must be above 0"),
        (PLANE, "nan", "1e-4", "learning rate = nan: must be above 0"),
        (PLANE, "inf", "1e-4", "learning rate = inf: must be above 0"),
        (PLANE, "1e-4", "-1", "threshold = -1: must be 0 or more"),
        (PLANE, "1e-4", "-1e-4", "threshold = -0.0001: must be 0 or more"),
        (PLANE, "1e-4", "nan", "threshold = nan: must be 0 or more"),
        (PLANE, "fast", "1e-4", "invalid float value: 'fast'"),
        (PLANE, "1e-300", "1e-4", "learning rate = 1e-300: the first step changes nothing"),
    ],
)
def test_a_bad_argument_is_one_line(data, rate, threshold, complaint, capsys):
    assert complaint in refusal(
        capsys, "--data", data, "--learning-rate", rate, "--threshold", threshold
    )


def test_an_argument_left_out_is_one_line(capsys):
    given = {"--data": PLANE, "--learning-rate": "1e-4", "--threshold": "1"}
    for left_out in given:
        rest = [text for name, value in given.items() if name != left_out for text in (name, value)]
        assert left_out in refusal(capsys, *rest)


def test_the_process_itself_ends_with_status_2_and_no_traceback():
    ran = run("--data", "missing.csv", "--learning-rate", "1e-4", "--threshold", "1e-4")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == ["error: missing.csv: No such file or directory"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipe that is closed early")
def test_a_reader_that_has_enough_ends_it_without_a_word():
    command = [sys.executable, "-m", "course.topics.linear_regression", "--data", str(PLANE)]
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [*command, "--learning-rate", "1e-4", "--threshold", "1e-4"],
        cwd=ROOT,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_threshold_out_of_reach_ends_by_itself():
    X, y = plane()
    with pytest.raises(
        DescentError, match=r"still .* after 50 iterations; raise it, or the learning rate"
    ):
        descend(X, y, learning_rate=1e-6, threshold=0, max_iterations=50)


def test_where_the_error_itself_stays_large_no_other_rate_is_advised():
    X, y = plane()
    noisy = y + np.where(np.arange(len(y)) % 2, 1.0, -1.0)
    options = {"learning_rate": 1e-4, "threshold": 1e-4, "max_iterations": 50}
    with pytest.raises(DescentError, match=r"after 50 iterations; raise it$"):
        descend(X, noisy, stop=sse_itself, **options)


def test_a_rule_is_asked_after_each_iteration_with_the_step_before_and_the_one_now():
    asked = []

    def never(before, now):
        asked.append((before, now))
        return 1.0

    X = with_bias(np.arange(6.0).reshape(3, 2))
    with pytest.raises(DescentError, match="never is still 1 after 7 iterations"):
        descend(
            X, np.array([1.0, 2, 4]), learning_rate=1e-3, threshold=0, stop=never, max_iterations=7
        )
    assert len(asked) == 7
    assert asked[0][0].weights.tolist() == [0, 0, 0]
    for (before, now), (after, _) in pairwise(asked):
        assert now is after
        assert now.sse < before.sse
