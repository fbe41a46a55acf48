import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
from pathlib import Path

import pandas as pd
import psutil
import pytest
from jupyter_client.kernelspec import find_kernel_specs
from typer.testing import CliRunner

from course.catalog import find
from course.cli.main import app
from course.runs import cluster, plan, records
from tests.conftest import LESSON

PID = "import os, pathlib, time\npathlib.Path({folder!r}, f'pid-{{os.getpid()}}').touch()"
COURSE = Path(sysconfig.get_path("scripts"), "course")
CLAIM = 'from course.claims import spread\nspread("98.value", "a value", float(seed))'


def wait_until(condition, seconds=240):  # a warm kernel's first start imports TensorFlow
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def kernels(house):
    return [int(path.name[4:]) for path in house.folder.glob("pid-*")]


def test_lessons_are_listed_and_shown(house):
    house.add("97_one")
    house.add("98_two")
    house.times('["98"]\nfull = 41.7\n')
    status, out, _ = house.course("list")
    assert status == 0
    assert [line.split()[1:3] for line in out.splitlines() if "One" in line or "Two" in line] == [
        ["97", "│"],
        ["98", "│"],
    ]
    assert "42" in out
    status, out, _ = house.course("show", "98")
    assert status == 0
    assert "98 Two (part 1 Fit)" in out
    assert "a whole number between 1 and 200" in out


def test_a_run_reports_in_a_table_a_page_and_its_exit_status(house):
    house.add("97_one", "print('done')")
    house.add("98_two", "x = 1", "x / 0")
    status, out, err = house.course("run", "-p", "epochs=3", "--out", house.out, "--jobs", 2)
    assert status == 1
    assert "passed" in out
    assert "98_two--epochs=3: failed; cell 2, `x / 0`: ZeroDivisionError: division by zero" in err
    assert f"executed notebook: {house.out / '98_two--epochs=3.executed.ipynb'}" in err
    assert (house.out / "report.html").exists()
    status, _, err = house.course("run", "97", "--out", house.out)
    assert status == 0
    assert err.startswith("97_one: passed in ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "42"], "lesson '42': must be one of 98_trial"),
        (["run", "98", "-p", "fast=maybe"], "98_trial: fast = 'maybe': must be true or false"),
        (
            ["run", "-p", "epochs=0"],
            "98_trial: epochs = '0': must be a whole number between 1 and 200",
        ),
        (
            ["run", "-p", "fast=false", "-p", "fast=true"],
            "fast: given twice, as 'false' and as 'true'",
        ),
        (["run", "--fast", "-p", "fast=true"], "parameter 'fast=true': --fast already sets it"),
        (["run", "-p", "=3"], "parameter '=3': must be name=value"),
        (["run", "-p", "seed=0..9,11"], "seed = 0..9,11: a range and a list cannot be mixed"),
        *[
            (["run", text], f"lessons '{text}': a range reads 02..05; several lessons read 02 05")
            for text in ("..98", "98..", "98-99", "98,99")
        ],
        (
            ["run", "--edition", "learner"],
            "notebooks/98_trial.ipynb: missing; run: course build 98",
        ),
        (
            ["sweep", "98", "-p", "width=1,2"],
            "98_trial: width: no such parameter; this lesson has seed, fast, epochs",
        ),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_runs(house, arguments, message):
    house.add("98_trial")
    status, out, err = house.course(*arguments)
    assert (status, out, err) == (2, "", f"Error: {message}\n")
    assert not (house.folder / "runs").exists()


@pytest.mark.parametrize("command", [["run"], ["sweep", "98"]])
@pytest.mark.parametrize("out", ["file", "file/below", "link"])
def test_a_folder_that_cannot_be_is_refused_in_one_line(house, command, out):
    house.add("98_trial")
    (house.folder / "file").write_text("mine", encoding="utf-8")
    (house.folder / "link").symlink_to(house.folder / "nowhere" / "at all")
    status, shown, err = house.course(*command, "--out", house.folder / out)
    assert (status, shown) == (2, "")
    reason = (
        r"is a file, not a folder; choose a new"
        if out == "file"
        else (r"cannot be written to \(.+\); choose another")
    )
    line = f"Error: {re.escape(str(house.folder / out))}: {reason} folder, with --out\n"
    assert re.fullmatch(line, err)
    assert (house.folder / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("arguments", [["--out", "closed"], ["--out", "closed/new"], []])
def test_a_folder_that_may_not_be_written_to_is_refused_in_one_line(house, unprivileged, arguments):
    house.add("98_trial")
    (house.folder / "closed").mkdir(mode=0o555)
    house.folder.chmod(
        0o555
    )  # as a checkout that belongs to another: by default runs/ would be made here
    process = house.start("run", *arguments, prefix=unprivileged)
    out, err = process.communicate(timeout=120)
    house.folder.chmod(0o755)
    assert (process.returncode, out) == (2, "")
    name = arguments[1] if arguments else "runs/"
    assert err.startswith(f"Error: {name}")
    assert err.endswith(
        ": cannot be written to (Permission denied); choose another folder, with --out\n"
    )


@pytest.mark.parametrize("command", [["run"], ["list"], ["show", "98"], ["build", "--check"]])
def test_a_file_that_cannot_be_read_is_named_in_one_line(house, command):
    house.add("98_trial")
    source = house.folder / "lessons" / "98_trial.py"
    source.unlink()
    source.mkdir()
    status, out, err = house.course(*command)
    assert (status, out, err) == (2, "", f"Error: {source}: Is a directory\n")


@pytest.mark.parametrize(
    ("number", "whom", "kernel"),
    [
        (signal.SIGINT, "group", "python3"),  # as Ctrl-C in a terminal
        (signal.SIGINT, "process", "course"),
        (signal.SIGTERM, "process", "python3"),
    ],
)
def test_a_signal_ends_a_run_without_a_kernel_or_half_a_file_left(house, kernel, whom, number):
    if kernel not in find_kernel_specs():
        pytest.skip(
            f"kernel {kernel} is not installed; install it: python -m course.kernels.kernelspec"
        )
    for name in ("96_one", "97_two", "98_three"):
        house.add(name, PID.format(folder=str(house.folder)), "time.sleep(600)")
    process = house.start("run", "--out", house.out, "--jobs", 2, kernel=kernel)
    wait_until(lambda: len(kernels(house)) == 2)
    (os.kill if whom == "process" else os.killpg)(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == f"Stopped; what had finished is in {house.out}\n"
    assert not any(map(psutil.pid_exists, kernels(house)))
    left = sorted(path.name for path in house.out.iterdir() if path.name != ".lock")
    assert left == [
        f"{name}.{end}" for name in ("96_one", "97_two") for end in ("executed.ipynb", "json")
    ]
    assert {records.read(house.out / f"{name}.json").outcome for name in ("96_one", "97_two")} == {
        "cancelled"
    }


def test_a_killed_grid_goes_on_where_it_stopped(house):
    house.add(
        "98_trial",
        PID.format(folder=str(house.folder)),
        CLAIM,
        "time.sleep(600 if seed == 2 and not pathlib.Path({!r}).exists() else 0)".format(
            str(house.folder / "go")
        ),
    )
    arguments = ("run", "98", "-p", "seed=0..3", "--out", house.out, "--jobs", 1)
    process = house.start(*arguments)
    wait_until(lambda: len(kernels(house)) == 3)
    process.kill()
    process.communicate()
    wait_until(lambda: not any(map(psutil.pid_exists, kernels(house))))
    planned = plan.grid(find("98"), ["seed=0..3"], "solutions")
    assert [bool(plan.finished(job, house.out)) for job in planned] == [True, True, False, False]
    first = {path: path.stat().st_mtime_ns for path in house.out.glob("*seed=[01].*")}

    (house.folder / "go").touch()
    status, out, err = house.course(*arguments)
    assert status == 0
    first_line, *lines = err.splitlines()
    assert first_line == "4 runs, 2 of them done before"
    assert [line.split(": ")[0] for line in lines] == ["98_trial--seed=2", "98_trial--seed=3"]
    assert "1.500" in out
    assert "0.000 to 3.000" in out
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert len(kernels(house)) == 5
    assert len(pd.read_parquet(house.out / "runs.parquet")) == 4
    assert "4 of 4 passed" in (house.out / "report.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in house.out.glob(".*")) == [".lock"]


def test_a_time_limit_without_end_is_refused(house):
    house.add("98_trial")
    status, _, err = house.course("run", "98", "--timeout", "inf", "--out", house.out)
    assert status == 2
    assert "--timeout" in err
    assert not house.out.exists()


def test_a_stopped_measurement_keeps_what_it_points_to_and_goes_on_from_there(house):
    name = "01_gradient_descent"  # what closes a notebook asks for a lesson of the course
    waiting = (
        "import pathlib, time\ntime.sleep(600 if seed and not pathlib.Path({!r}).exists() else 0)"
    )
    cells = (
        CLAIM.replace("98", "01"),
        waiting.format(str(house.folder / "go")),
        PID.format(folder=str(house.folder)),
    )
    (house.folder / "lessons" / f"{name}.py").write_text(
        LESSON.partition("# %%\nfrom")[0] + "".join(f"# %%\n{cell}\n\n" for cell in cells),
        encoding="utf-8",
    )
    arguments = ("measure", "01", "--seeds", 3, "--mode", "full", "--jobs", 1)
    process = house.start(*arguments)
    results = house.folder / "runs" / "measure-01" / "results"
    first = results / f"{name}--fast=False--seed=0.json"
    wait_until(first.exists)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith(f"Stopped; what had finished is in {results.relative_to(house.folder)}\n")
    assert records.read(first).outcome == "passed"
    assert not (house.folder / "lessons" / "claims.toml").exists()

    (house.folder / "go").touch()
    process = house.start("measure", "01", "--times")
    assert process.wait(timeout=240) == 0
    assert [path.name for path in results.parent.iterdir() if path.is_dir()] == ["results"]
    process = house.start(*arguments)
    wait_until(lambda: len(kernels(house)) == 4)
    second = house.start(*arguments)
    assert second.communicate(timeout=60)[1] == (
        "Error: runs: another command measures lesson 01; wait for its end\n"
    )
    _, err = process.communicate(timeout=240)
    assert (process.returncode, err.splitlines()[0]) == (0, "3 runs, 1 of them done before")
    measured = tomllib.loads((house.folder / "lessons" / "claims.toml").read_text(encoding="utf-8"))
    assert measured["01.value"]["full"]["values"] == [0, 1, 2]
    assert len(kernels(house)) == 5
    assert not results.parent.exists()


@pytest.mark.parametrize("other", [("--seeds", "3"), ("--jobs", "1"), ("--mode", "full")])
def test_what_timing_cannot_follow_is_refused(other):
    done = CliRunner().invoke(app, ["measure", "01", "--times", *other])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "leave --seeds, --jobs and --mode out" in done.stderr


def test_one_command_runs_values_and_grids_goes_on_and_reports_both(house):
    house.add("97_one", CLAIM.replace("98", "97"))
    house.add("98_two", CLAIM, "assert not (seed == 2 and epochs == 3)")
    arguments = ("run", "-p", "epochs=3", "--out", house.out)
    status, out, err = house.course(*arguments)
    assert (status, err.count("passed in")) == (0, 2)
    assert "Facts and bounds" in out
    status, again, err = house.course(*arguments)
    assert (status, again, err) == (0, out, "2 runs, 2 of them done before\n")

    status, out, err = house.course(
        "run", "-p", "epochs=3,4", "-p", "seed=0,2", "--out", house.folder / "grid"
    )
    assert status == 1
    assert "98_two--seed=2--epochs=3: failed; cell 2" in err
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in out.splitlines()
        if "a value" in line
    ]
    point = ["a value", "1.000", "0.000 to 2.000", "2"]
    assert rows == [
        [lesson, f"epochs = {epochs}", *point] for lesson in ("97", "98") for epochs in (3, 4)
    ]
    page = (house.folder / "grid" / "report.html").read_text(encoding="utf-8")
    assert "7 of 8 passed" in page
    cell = '<td class="number" data-label="Least to greatest">0.000 to 2.000</td>'
    assert page.count(cell) == 4


def test_sweep_is_run_by_another_name(house):
    house.add("98_trial", CLAIM)
    status, out, _ = house.course("sweep", "98", "-p", "seed=0,2", "--out", house.out)
    assert status == 0
    assert "0.000 to 2.000" in out
    assert out.endswith(f"Report: {house.out / 'report.html'}\n")


def test_json_is_a_line_a_row_and_alone_on_standard_output(house):
    house.add("97_one", CLAIM.replace("98", "97"))
    house.add(
        "98_two",
        "from course.claims import fact",
        "fact('98.kept', 'nothing lost', float('nan'))",
        "1 / seed",
    )
    house.times('["98"]\nfull = 41.7\n')

    def records(*arguments):
        status, out, err = house.course(*arguments, "--json")
        return status, [json.loads(line) for line in out.splitlines()], err

    status, lessons, err = records("list")
    assert (status, err) == (0, "")
    assert [lesson["title"] for lesson in lessons] == ["One", "Two"]
    assert lessons[1]["seconds"] == {"full": 41.7, "fast": None}
    epochs = lessons[0]["parameters"][2]
    assert {key: epochs[key] for key in ("name", "type", "default", "fast", "low", "high")} == {
        "name": "epochs",
        "type": "int",
        "default": 20,
        "fast": 2,
        "low": 1,
        "high": 200,
    }
    assert records("show", "98") == (0, lessons[1:], "")

    status, runs, err = records("run", "-p", "seed=0", "--out", house.out)
    assert status == 1
    assert f"Report: {house.out / 'report.html'}" in err.splitlines()
    assert [run["outcome"] for run in runs] == ["passed", "failed"]
    assert runs[0]["claims"]["97.value"]["value"] == 0
    assert runs[1]["failure"]["name"] == "ZeroDivisionError"
    assert runs[1]["claims"]["98.kept"]["value"] == "NaN"  # JSON has no number for it
    assert runs[1]["refusals"] == ["98.kept, nothing lost: nan, must be 1"]
    assert records("run", "99") == (2, [], "Error: lesson '99': must be one of 97_one, 98_two\n")


def test_the_version_is_that_of_the_installed_package(house):
    assert house.course("--version") == (0, f"course {importlib.metadata.version('course')}\n", "")


def test_a_shell_completes_commands_and_options(house):
    def completions(line):
        typed = {
            "_COURSE_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(line.count(" ")),
        }
        run = subprocess.run([COURSE], env=os.environ | typed, capture_output=True, text=True)
        return run.stdout.split()

    assert completions("course me") == ["measure"]
    assert "--out" in completions("course run --o")


def test_results_never_replace_notebooks(house):
    house.add("98_trial")
    source = house.folder / "notebooks" / "solutions"
    before = {path: path.read_bytes() for path in source.iterdir()}
    for command in (["run"], ["sweep", "98"]):
        status, out, err = house.course(*command, "--out", source)
        assert (status, out) == (2, "")
        assert err == (
            f"Error: {source}: holds notebooks, such as 98_trial.ipynb; choose a new folder, with --out\n"
        )
    assert {path: path.read_bytes() for path in source.iterdir()} == before


def test_a_lost_cluster_is_told_with_how_to_go_on(house, monkeypatch):
    def lose(jobs, **how):
        raise cluster.ClusterLost("tcp://somewhere: the Dask scheduler has gone")

    monkeypatch.setattr(cluster, "execute", lose)
    house.add("98_trial")
    status, _, err = house.course("sweep", "98", "--out", house.out)
    assert status == 1
    assert err == (
        "Error: tcp://somewhere: the Dask scheduler has gone; "
        f"the same command with --out {house.out} goes on from there\n"
    )


def test_what_is_refused_does_not_wait_for_imports_that_take_seconds():
    script = "import sys\nfrom course.cli.main import main\nsys.argv = ['course', 'run', '99']\n"
    script += "try:\n    main()\nfinally:\n"
    script += "    print({'distributed', 'dask', 'papermill', 'nbformat', 'pandas', 'tensorflow'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "set()\n")
    assert "lesson '99': must be one of" in run.stderr
