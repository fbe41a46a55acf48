import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from distributed import LocalCluster, wait

from course.catalog import LessonError, find
from course.parameters import ParameterError
from course.runs import cluster, plan, records
from course.runs.records import Job
from tests.dask_processes import Dask

PARAMETERS = """seed: int = 0  # random seed, 0 to 999
fast: bool = False  # the same steps on less data
epochs: int = 20  # passes over the data, 1 to 200, fast 2"""

WAIT_FOR = """
import pathlib, time
folder = pathlib.Path({folder!r})
(folder / {mine!r}).touch()
while not (folder / {other!r}).exists():
    time.sleep(0.05)
"""


def jobs(house, *names):
    return [Job(find(name).notebook("solutions"), name) for name in names]


def test_runs_go_side_by_side_and_records_come_in_the_order_of_the_jobs(house):
    for mine, other in (("97_one", "98_two"), ("98_two", "97_one")):
        house.add(mine, WAIT_FOR.format(folder=str(house.folder), mine=mine, other=other))
    gathered = cluster.execute(
        jobs(house, "98_two", "97_one"), out=house.out, timeout=60, workers=2
    )
    assert [(record.lesson, record.outcome) for record in gathered] == [
        ("98_two", "passed"),
        ("97_one", "passed"),
    ]
    assert gathered == [records.read(house.out / f"{name}.json") for name in ("98_two", "97_one")]


def test_a_run_that_fails_or_kills_its_kernel_does_not_keep_the_others_from_running(house):
    house.add("96_fails", "1 / 0")
    house.add("97_dies", "import os; os._exit(1)")
    house.add("98_works", "print('done')")
    gathered = cluster.execute(
        jobs(house, "96_fails", "97_dies", "98_works"), out=house.out, timeout=60, workers=1
    )
    assert [record.outcome for record in gathered] == ["failed", "failed", "passed"]
    assert [record.failure and record.failure.name for record in gathered] == [
        "ZeroDivisionError",
        "DeadKernel",
        None,
    ]


def test_the_longest_starts_first_and_one_never_measured_before_all(house):
    house.add("96_short")
    house.add("97_long")
    house.add("98_unknown")
    house.times('["96"]\nfull = 5\n["97"]\nfull = 50\n')
    started = []
    cluster.execute(
        jobs(house, "96_short", "97_long", "98_unknown"),
        out=house.out,
        timeout=60,
        workers=1,
        progress=lambda job, record: record or started.append(job.lesson),
    )
    assert started == ["98_unknown", "97_long", "96_short"]


def test_an_interrupt_stops_what_runs_and_starts_nothing_more(house):
    house.add(
        "97_endless",
        "import os, pathlib, time",
        f"pathlib.Path({str(house.folder / 'pid')!r}).write_text(str(os.getpid()))",
        "time.sleep(600)",
    )
    house.add("98_next")

    def interrupt(job, record):
        while not (house.folder / "pid").exists():
            time.sleep(0.05)
        raise KeyboardInterrupt

    house.add("96_quick")
    with pytest.raises(KeyboardInterrupt):
        cluster.execute(
            jobs(house, "97_endless", "96_quick", "98_next"),
            out=house.out,
            timeout=60,
            workers=2,
            progress=lambda job, record: record and interrupt(job, record),
        )
    assert not psutil.pid_exists(int((house.folder / "pid").read_text()))
    assert records.read(house.out / "97_endless.json").outcome == "cancelled"
    assert records.read(house.out / "98_next.json") is None


@pytest.fixture
def plain(house):
    """What gives workers the plain kernel, when it is preloaded."""
    path = house.folder / "plain.py"
    path.write_text("from course.runs import runner\nrunner.KERNEL = 'python3'\n", encoding="utf-8")
    return str(path)


def test_runs_go_to_a_cluster_by_the_address_of_its_scheduler(house, plain):
    house.add("97_one", "import os; print(os.getppid())")
    house.add("98_two", "1 / 0")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, preload=[plain]
    ) as elsewhere:
        workers = {psutil.Process(each.pid).pid for each in elsewhere.workers.values()}
        gathered = cluster.execute(
            jobs(house, "97_one", "98_two"),
            out=house.out,
            timeout=60,
            scheduler=elsewhere.scheduler_address,
        )
    notebook = nbformat.read(house.out / "97_one.executed.ipynb", as_version=4)
    assert [record.outcome for record in gathered] == ["passed", "failed"]
    assert int(notebook.cells[-1].outputs[0].text) in workers


@pytest.mark.parametrize(
    ("killed", "loss"),
    [
        ("scheduler", "the Dask scheduler has gone"),
        ("worker", "all workers of the Dask scheduler have gone"),
    ],
)
def test_a_cluster_that_goes_ends_the_runs_with_what_is_recorded(
    house, plain, monkeypatch, killed, loss
):
    monkeypatch.setattr(cluster, "LOST_SECONDS", 1)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 60)
    house.add("97_quick")
    house.add("98_endless", "import time; time.sleep(600)")
    planned = jobs(house, "97_quick", "98_endless")
    processes = {}

    def start(kind, *options):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        processes[kind] = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=house.folder
        )

    def progress(job, record):
        if job.lesson == "98_endless":
            processes[killed].kill()

    try:
        start("scheduler", "--port", "0", "--no-dashboard")
        said = next(line for line in processes["scheduler"].stderr if "Scheduler at:" in line)
        scheduler = said.split()[-1]
        start("worker", scheduler, "--nthreads", "1", "--no-nanny", "--preload", plain)
        with pytest.raises(ConnectionError) as lost:
            cluster.execute(
                planned, out=house.out, timeout=300, scheduler=scheduler, progress=progress
            )
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()
    told = f"{scheduler}: {loss}; 1 of 2 runs had finished and are recorded in {house.out}"
    assert str(lost.value) == told
    assert records.read(house.out / "97_quick.json").outcome == "passed"


WAITS = """
import os, pathlib, time
folder = pathlib.Path({folder!r})
with (folder / "started").open("a") as file:
    print({name!r}, file=file)
if {name!r} == "97_waits":
    (folder / "worker").write_text(str(os.getppid()))
    while not (folder / "go").exists():
        time.sleep(0.05)
"""


@pytest.fixture
def dask(house, plain, monkeypatch):
    monkeypatch.setattr(cluster, "LOST_SECONDS", 1)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 120)
    for name in ("95_quick", "96_quick", "97_waits", "98_last"):
        house.add(name, WAITS.format(folder=str(house.folder), name=name))
    started = Dask(house.folder, "--preload", plain)
    yield started
    started.end()


def when_97_waits(house, act):
    """Call `act` with the process id of the worker that runs lesson 97, once that run has started."""

    def watch():
        while not (house.folder / "worker").exists():
            time.sleep(0.05)
        act(int((house.folder / "worker").read_text()))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("killed", ["scheduler", "worker"])
def test_the_same_command_again_loses_and_repeats_nothing(house, dask, killed):
    processes = {"scheduler": dask.scheduler(), "worker": dask.worker()}
    when_97_waits(house, lambda _: processes[killed].kill())
    command = ("run", "95..98", "--scheduler", dask.address, "--out", house.out)
    status, _, said = house.course(*command)
    assert status == 1
    assert "2 of 4 runs had finished" in said
    assert f"the same command with --out {house.out} goes on from there" in said
    before = {path.name: path.read_bytes() for path in house.out.glob("9[56]*")}

    (house.folder / "go").touch()
    if killed == "scheduler":
        dask.scheduler()
    dask.worker()
    status, _, said = house.course(*command)
    assert status == 0, said
    assert "4 runs, 2 of them done before" in said
    assert before == {name: (house.out / name).read_bytes() for name in before}
    started = (house.folder / "started").read_text().split()
    assert started == ["95_quick", "96_quick", "97_waits", "97_waits", "98_last"]
    outcomes = {each.lesson: each.outcome for each in map(records.read, house.out.glob("*.json"))}
    assert outcomes == dict.fromkeys(("95_quick", "96_quick", "97_waits", "98_last"), "passed")


def test_a_worker_that_is_killed_gives_its_run_to_another(house, dask):
    dask.scheduler()
    dask.worker()
    dask.worker()

    def kill(worker):
        psutil.Process(worker).kill()
        (house.folder / "go").touch()

    when_97_waits(house, kill)
    status, _, said = house.course("run", "95..98", "--scheduler", dask.address, "--out", house.out)
    assert status == 0, said
    started = (house.folder / "started").read_text().split()
    assert sorted(started) == ["95_quick", "96_quick", "97_waits", "97_waits", "98_last"]


def test_a_result_that_its_worker_takes_away_is_not_waited_for_without_workers(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "LOST_SECONDS", 1)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 120)
    dask = Dask(tmp_path)
    try:
        dask.scheduler()
        worker = dask.worker()
        with cluster.connected(dask.address) as client:
            future = client.submit(sum, [1, 2])
            wait([future])
            worker.kill()
            while client.nthreads():
                time.sleep(0.05)
            with pytest.raises(cluster.ClusterLost, match="all workers of the Dask scheduler"):
                cluster.result(client, future)
            monkeypatch.setattr(cluster, "LOST_SECONDS", 120)
            dask.worker()
            assert cluster.result(client, future) == 3
    finally:
        dask.end()


def test_workers_in_this_process_keep_no_profile_which_would_grow_with_every_run():
    with cluster._client(1, None) as client:
        (worker,) = client.cluster.workers.values()
        assert "heartbeat" in worker.periodic_callbacks
        assert "profile" not in worker.periodic_callbacks


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "localhost", "http://127.0.0.1:1"])
def test_a_scheduler_that_does_not_answer_is_named(house, monkeypatch, scheduler):
    house.add("97_one")
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(ConnectionError, match=f"^{scheduler}: no Dask scheduler"):
        cluster.execute(jobs(house, "97_one"), out=house.out, timeout=60, scheduler=scheduler)


def test_two_jobs_that_would_write_the_same_files_are_refused(house):
    house.add("97_one")
    with pytest.raises(ValueError, match="two jobs of the same name"):
        cluster.execute(jobs(house, "97_one", "97_one"), out=house.out, timeout=60)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["epochs=0"], "97_one: epochs = '0': must be a whole number between 1 and 200"),
        (
            ["epochs=many"],
            "97_one: epochs = 'many': must be a whole number between 1 and 200; write it in digits alone",
        ),
        (["fast=maybe"], "97_one: fast = 'maybe': must be true or false"),
        (
            ["epoch=3"],
            "97_one: epoch: no such parameter; this lesson has seed, fast, epochs; did you mean epochs?",
        ),
        (["width=3"], "98_two: width: no such parameter; this lesson has seed, fast, epochs"),
        (["epochs"], "parameter 'epochs': must be name=value"),
        (["epochs=1", "epochs=2"], "epochs: given twice, as '1' and as '2'"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(house, assignments, message):
    more = "\nwidth: int = 1  # units, 1 to 9" if assignments == ["width=3"] else ""
    house.add("97_one", parameters=PARAMETERS + more)
    house.add("98_two")
    with pytest.raises(ParameterError) as refusal:
        plan.plan([find("97"), find("98")], assignments, "solutions")
    assert str(refusal.value) == message


def test_a_plan_holds_typed_parameters(house):
    house.add("97_one")
    (job,) = plan.plan([find("97")], ["fast=true", "epochs=3"], "solutions")
    assert job.parameters == {"fast": True, "epochs": 3}
    assert job.notebook == Path(house.folder, "notebooks", "solutions", "97_one.ipynb")


def test_a_lesson_without_the_notebook_of_the_edition_is_refused(house):
    house.add("97_one")
    with pytest.raises(LessonError, match=r"notebooks/97_one\.ipynb: missing"):
        plan.plan([find("97")], [], "learner")
