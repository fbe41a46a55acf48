"""Warm kernels, each started for real: they are fresh, obey, end with their owner, and give what cold kernels give."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError

from course import ROOT
from course.kernels import kernelspec, provisioner

if sys.platform == "linux":
    from course.kernels import warm_parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="warm kernels need Linux")
STOP = [sys.executable, "-m", "course.kernels.warm_parent", "--stop"]


@pytest.fixture(scope="module", autouse=True)
def sockets(tmp_path_factory):
    """The kernels `course` and `cold` (the same without its provisioner), and a folder of sockets of our own."""
    prefix = tmp_path_factory.mktemp("a path with spaces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "prefix", str(prefix))
        course = kernelspec.install()
    cold = shutil.copytree(course, course.with_name("cold"))
    spec = json.loads((cold / "kernel.json").read_text())
    del spec["metadata"]["kernel_provisioner"]
    (cold / "kernel.json").write_text(json.dumps(spec))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(prefix / "share" / "jupyter"))
        patch.setenv("XDG_RUNTIME_DIR", str(prefix))
        patch.setenv("COURSE_KERNEL_LINGER", "60")
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        yield prefix / f"course-kernels-{os.getuid()}"
        subprocess.run(STOP, check=True)


@pytest.fixture(autouse=True)
def notices(caplog):
    """What was said about cold starts; each is said again in the next test."""
    provisioner.say_once.cache_clear()
    return lambda: [record.message for record in caplog.records if record.name == "course"]


@contextlib.contextmanager
def kernel(name="course", **launch):
    """A kernel: its manager, and a function that executes code in it and returns what was printed, or the error."""
    manager, client = start_new_kernel(kernel_name=name, **launch)

    def ask(code, restarted=False):
        if restarted:
            client.wait_for_ready(timeout=60)
        printed = []
        hook = lambda message: printed.append(message["content"].get("text", ""))  # noqa: E731
        reply = client.execute_interactive(code, output_hook=hook, timeout=60)["content"]
        return reply["ename"] if reply["status"] == "error" else "".join(printed).strip()

    try:
        yield manager, ask
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def outputs(*cells, kernel_name, **options):
    """The outputs of a notebook with these cells, executed as papermill, nbconvert and nbmake do it."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name=kernel_name, coalesce_streams=True, **options).execute()
    return [cell.outputs for cell in notebook.cells]


def gone(*processes):
    """Whether all processes, given by id, end soon."""
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(psutil.pid_exists(process) for process in processes)


PROCESS = "import os; print(os.getpid(), os.getppid())"


def test_a_kernel_is_forked_with_tensorflow_imported(notices):
    with kernel() as (manager, ask):
        assert ask("import sys; print('tensorflow' in sys.modules)") == "True"
        pid, parent = map(int, ask(PROCESS).split())
        assert pid == manager.provisioner.pid
        assert parent != os.getpid()
    assert gone(pid)
    assert notices() == []


STATE = """
import json, os, random, signal, sys, threading, warnings
import keras, matplotlib.pyplot as plt, numpy as np, pandas as pd, sklearn, tensorflow as tf
print(json.dumps({
    "names": sorted(globals()), "environment": dict(os.environ), "directory": os.getcwd(), "path": sys.path,
    "arguments": [argument for argument in sys.argv if not argument.endswith(".json")],
    "settings": {key: repr(value) for key, value in plt.rcParams.items()}, "print": np.get_printoptions(),
    "columns": pd.options.display.max_columns, "float": keras.config.floatx(),
    "devices": str(tf.config.list_physical_devices()), "filters": sorted(map(repr, warnings.filters)),
    "threads": tf.config.threading.get_intra_op_parallelism_threads(), "main": threading.current_thread().name,
    "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
}))
"""
SPOIL = """
spoiled = 1
os.environ.clear(); os.environ["PATH"] = "nowhere"; os.chdir("/"); sys.path.append("/nowhere"); sys.argv.append("x")
random.seed(1); keras.utils.set_random_seed(1); keras.config.set_floatx("float64"); np.set_printoptions(precision=1)
plt.rcParams["figure.dpi"] = 7; pd.options.display.max_columns = 1; np.random.rand = None
tf.config.threading.set_intra_op_parallelism_threads(1); signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
TRAINING = (
    "keras.utils.set_random_seed(7)\n"
    "X = np.random.normal(size=(256, 8)); y = X @ np.arange(8) > 0\n"
    "model = keras.Sequential([keras.layers.Dense(16, 'relu'), keras.layers.Dense(1, 'sigmoid')])\n"
    "model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])\n"
    "history = model.fit(X, y, epochs=3, verbose=0)\n"
    "[weight.numpy().tobytes().hex() for weight in model.weights], history.history",
    "tf.print('printed', tf.constant([1.5]))",
    "tf.get_logger().warning('logged')",
    "plt.plot([1, 2]); plt.title('figure')",
    "os.system('echo not for the notebook')",
    "warnings.warn_explicit('warned', DeprecationWarning, 'a file without process id', 1, module='__main__')",
    "pd.DataFrame({'x': ['a', None], 'y': [0.1, 2]})",
    "try:\n    tf.zeros(2) + tf.zeros(3)\nexcept Exception as error:\n    print(error)",
    "from sklearn.linear_model import LogisticRegression\nLogisticRegression().fit(X, y).coef_.tolist()",
)


def test_after_two_notebooks_that_spoil_their_kernels_the_next_gives_the_outputs_of_a_cold_one():
    for _ in range(2):
        outputs(STATE, SPOIL, kernel_name="course")
    warm, cold = (outputs(STATE, *TRAINING, kernel_name=name) for name in ("course", "cold"))
    assert json.loads(warm[0][0].text) == json.loads(cold[0][0].text)
    assert warm[1:] == cold[1:]
    assert [(output.name, output.text) for output in (*warm[2], *warm[3])] == [
        ("stdout", "printed [1.5]\n"),
        ("stdout", "WARNING:tensorflow:logged\n"),
    ]
    assert "image/png" in warm[4][-1].data
    assert [output.name for output in warm[6]] == ["stderr"]


def test_generators_without_a_seed_differ_from_kernel_to_kernel():
    draw = (
        "import keras, random, numpy as np, tensorflow as tf\n"
        "print(random.random(), np.random.rand(), float(keras.random.uniform(())), float(tf.random.uniform(())))"
    )
    draws = [
        number
        for _ in range(2)
        for number in outputs(draw, kernel_name="course")[0][0].text.split()
    ]
    assert len(set(draws)) == 8


def test_a_kernel_takes_its_environment_directory_and_streams_from_the_launch(tmp_path, notices):
    folder = tmp_path / "working here"
    errors = tmp_path / "errors"
    folder.mkdir()
    environment = {**os.environ, "STUDENT": "4 ü"}
    with (
        errors.open("w") as stream,
        kernel(cwd=str(folder), env=environment, stderr=stream) as (_, ask),
    ):
        assert (
            ask("import os; print(os.getcwd(), os.environ['STUDENT'], sep='|')") == f"{folder}|4 ü"
        )
        ask("os.write(2, b'to the stream'); os.system('echo $STUDENT >&2')")
    assert errors.read_text().endswith("to the stream4 ü\n")
    assert notices() == []


def test_an_empty_pythonpath_is_none(tmp_path, notices):
    parents = []
    for name, path in (("first", None), ("second", ""), ("third", "")):
        folder = tmp_path / name
        folder.mkdir()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        if path is not None:
            environment["PYTHONPATH"] = path
        with kernel(cwd=str(folder), env=environment) as (_, ask):
            parents.append(ask("import os; print(os.getppid())"))
    assert len(set(parents)) == 1
    assert notices() == []


@pytest.mark.parametrize("entry", ["", ".", "own"])
def test_a_kernel_whose_pythonpath_means_its_own_directory_starts_cold(tmp_path, notices, entry):
    (tmp_path / "own").mkdir()
    (tmp_path / entry / "mine.py").write_text("here = 'found'")
    path = os.pathsep.join([str(tmp_path.parent), entry])
    with kernel(cwd=str(tmp_path), env={**os.environ, "PYTHONPATH": path}) as (_, ask):
        assert (
            ask("import mine, sys; print(mine.here, 'tensorflow' in sys.modules)") == "found False"
        )
    assert notices() == [
        "The kernel starts cold, some seconds slower: PYTHONPATH has an entry that is no absolute path."
    ]


def test_a_kernel_can_be_interrupted_and_goes_on():
    with kernel() as (manager, ask):
        ask("x = 5")
        timer = threading.Timer(1, manager.interrupt_kernel)
        timer.start()
        assert ask("while True: pass") == "KeyboardInterrupt"
        assert ask("print(x)") == "5"


def test_a_restarted_kernel_is_another_fork_without_the_old_names(notices):
    with kernel() as (manager, ask):
        ask("x = 5")
        first, parent = ask(PROCESS).split()
        manager.restart_kernel()
        second = ask(PROCESS, restarted=True).split()
        assert second[1] == parent
        assert second[0] != first
        assert gone(int(first))
        assert ask("x") == "NameError"
    assert notices() == []


def test_a_kernel_that_dies_is_seen_to_be_dead_and_of_what():
    with kernel() as (first, _), kernel() as (second, _), kernel() as (third, _):
        crash = "import ctypes; ctypes.string_at(0)"
        for manager, code in ((first, "import os; os._exit(7)"), (second, crash)):
            client = manager.blocking_client()
            client.start_channels()
            client.execute(code)
            assert gone(manager.provisioner.pid)
            client.stop_channels()
        os.kill(third.provisioner.pid, signal.SIGKILL)
        assert gone(third.provisioner.pid)
        assert not any(manager.is_alive() for manager in (first, second, third))
        found = [manager.provisioner.process.poll() for manager in (first, second, third)]
    assert found == [7, -signal.SIGSEGV, -signal.SIGKILL]


def test_a_cell_that_takes_too_long_ends_with_its_kernel_and_what_that_started():
    started = (
        "import os, subprocess, time; print(os.getpid(), subprocess.Popen(['sleep', '600']).pid)"
    )
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"{started}\ntime.sleep(600)")]
    )
    with pytest.raises(CellTimeoutError):
        NotebookClient(notebook, kernel_name="course", timeout=2).execute()
    assert gone(*map(int, notebook.cells[0].outputs[0].text.split()))


OWNER = f"""
import sys
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="course")
for code in [{PROCESS!r}, sys.argv[1]]:
    assert client.execute_interactive(code, timeout=60)["content"]["status"] == "ok"
sys.stdin.read()
manager.shutdown_kernel()
"""


@contextlib.contextmanager
def owner(code="", **environment):
    """Another process that has a kernel: the process, the ids of kernel and parent, and what the code printed."""
    command = [sys.executable, "-u", "-c", OWNER, code]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, list(map(int, process.stdout.readline().split())), process.stdout
        finally:
            process.kill()


def test_owners_share_a_parent_and_lose_nothing_when_another_is_killed():
    with kernel() as (_, ask), owner() as (other, (its_kernel, its_parent), _):
        mine, parent = map(int, ask(PROCESS).split())
        assert its_parent == parent
        assert its_kernel != mine
        other.kill()
        assert gone(its_kernel)
        assert ask("print('still here')") == "still here"
    with kernel() as (_, ask):
        assert ask("import os; print(os.getppid())") == str(parent)


NESTED = """
import os
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name="course")
show = lambda message: print(message["content"].get("text", ""))
client.execute_interactive("import os; print(os.getppid())", output_hook=show, timeout=60)
client.stop_channels()
manager.shutdown_kernel(now=True)
print(os.getppid())
"""


def test_a_kernel_that_a_kernel_starts_shares_its_parent():
    with kernel() as (_, ask):
        inner, outer = ask(NESTED).split()
        assert inner == outer


def test_an_owner_with_other_thread_settings_gets_its_own_parent_which_lingers_and_ends():
    pools = "{pool['num_threads'] for pool in threadpoolctl.threadpool_info()}"
    threads = f"import threadpoolctl; print({pools}, flush=True)"
    with owner(f"import sklearn; {threads}", OMP_NUM_THREADS="1", COURSE_KERNEL_LINGER="1") as (
        process,
        ids,
        printed,
    ):
        assert printed.readline() == "{1}\n"
        with kernel() as (_, ask):
            assert ask("import os; print(os.getppid())") != str(ids[1])
        process.kill()
        assert gone(ids[0])
        assert psutil.pid_exists(ids[1])
        assert gone(ids[1])


def test_a_parent_ends_after_its_last_kernel_although_their_owner_lives_on(monkeypatch):
    monkeypatch.setenv("COURSE_KERNEL_LINGER", "0")
    with kernel() as (_, ask):
        parent = int(ask("import os; print(os.getppid())"))
    assert gone(parent)


@pytest.mark.parametrize(
    "prefix",
    [["nice"], ["prlimit", "--core=0:0"], ["bwrap", "--dev-bind", "/", "/", "--unshare-net"]],
)
def test_the_parent_refuses_to_fork_for_a_process_of_other_rights_or_limits(sockets, prefix):
    if not shutil.which(prefix[0]):
        pytest.skip(f"{prefix[0]} is not installed")
    connect = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
    connect += "print(s.recv(99).decode())"
    with kernel():
        key = max(sockets.iterdir(), key=lambda path: path.stat().st_mtime).name
        run = subprocess.run(
            [*prefix, sys.executable, "-c", connect, key],
            cwd=sockets,
            capture_output=True,
            text=True,
        )
    assert "not those of the notebook's owner" in run.stdout, run.stderr


def test_sockets_are_for_the_user_alone_and_a_folder_open_to_others_is_not_used(sockets, notices):
    with kernel():
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in sockets.iterdir()} == {0o600}
    sockets.chmod(0o755)
    try:
        with kernel() as (_, ask):
            assert ask("import sys; print(1 + 1, 'tensorflow' in sys.modules)") == "2 False"
    finally:
        sockets.chmod(0o700)
    assert [notice.split(":")[0] for notice in notices()] == [
        "The kernel starts cold, some seconds slower"
    ]


def test_when_the_parent_is_killed_its_kernels_go_on_and_the_kernel_it_was_to_fork_starts_cold(
    notices,
):
    with kernel() as (orphan, ask):
        parent = int(ask("import os; print(os.getppid())"))
        os.kill(parent, signal.SIGSTOP)
        threading.Timer(1, os.kill, (parent, signal.SIGKILL)).start()
        with kernel() as (_, cold):
            assert cold("import sys; print(1 + 1, 'tensorflow' in sys.modules)") == "2 False"
        assert ask("print('still here')") == "still here"
        os.kill(orphan.provisioner.pid, signal.SIGKILL)
        assert gone(orphan.provisioner.pid)
        assert orphan.provisioner.process.poll() == provisioner.UNKNOWN
    assert len(notices()) == 1


def test_a_parent_that_died_is_replaced_and_stops_on_request_without_its_kernels(sockets, notices):
    with kernel() as (_, ask):
        parent = int(ask("import os; print(os.getppid())"))
        subprocess.run(STOP, check=True)
        assert gone(parent)
        assert list(sockets.iterdir()) == []
        assert ask("print('still here')") == "still here"
    assert notices() == []


CONNECT = """
import os, socket
from course.kernels import provisioner
with socket.socket(socket.AF_UNIX) as connection:
    provisioner.connect(connection, dict(os.environ))
"""


def test_stop_ends_the_parents_of_its_own_checkout_alone(sockets, tmp_path):
    def run(checkout, *arguments):
        environment = {
            **os.environ,
            "PYTHONPATH": str(tmp_path / checkout),
            "COURSE_KERNEL_LINGER": "60",
        }
        subprocess.run([sys.executable, *arguments], check=True, cwd=tmp_path, env=environment)

    def parents():
        """The processes that listen, by the names of their sockets, which end their commands."""
        names = {path.name for path in sockets.iterdir()}
        commands = {
            process.pid: process.info["cmdline"] or [""]
            for process in psutil.process_iter(["cmdline"])
        }
        return {command[-1]: pid for pid, command in commands.items() if command[-1] in names}

    for checkout in ("mine", "another"):
        kernels = tmp_path / checkout / "course" / "kernels"
        shutil.copytree(ROOT / "course" / "kernels", kernels)
        for module in ("__init__.py", "files.py"):
            shutil.copy(ROOT / "course" / module, kernels.parent)
        with (kernels / "forked_kernel.py").open("a") as code:
            code.write(
                "\nLIBRARIES = ()\n"
            )  # TensorFlow would take seconds, and stopping does not need it
    run("mine", "-c", CONNECT)
    mine = parents()
    run("another", "-c", CONNECT)
    another = {name: pid for name, pid in parents().items() if name not in mine}
    assert len(mine) == len(another) == 1

    run("mine", "-m", "course.kernels.warm_parent", "--stop")
    assert gone(*mine.values())
    assert parents() == another
    run("another", "-m", "course.kernels.warm_parent", "--stop")
    assert gone(*another.values())
    assert parents() == {}


def test_beside_many_parents_a_kernel_starts_cold_and_sockets_of_killed_ones_go(
    tmp_path, monkeypatch, notices
):
    folder = tmp_path / f"course-kernels-{os.getuid()}"
    folder.mkdir(mode=0o700)
    monkeypatch.chdir(folder)  # a socket's path must be short
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    def listening(name):
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(name)
        listener.listen()
        listener.setblocking(False)
        return listener

    with contextlib.ExitStack() as stack:
        names = [f"{warm_parent.CHECKOUT}-{n}" for n in range(provisioner.MOST_PARENTS)]
        parents = list(map(listening, names))
        for name in (f"{warm_parent.CHECKOUT}-killed", "another-killed"):
            listening(name).close()
        with kernel() as (_, ask):
            assert ask("import sys; print('tensorflow' in sys.modules)") == "False"
        assert sorted(path.name for path in folder.iterdir()) == names
        for parent in parents:
            with pytest.raises(BlockingIOError):
                parent.accept()
    assert notices() == [
        "The kernel starts cold, some seconds slower: 6 warm parents of other settings run."
    ]


def test_to_install_twice_changes_nothing_and_keeps_the_settings_of_others(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    settings = tmp_path / "etc" / "ipython" / "ipython_kernel_config.py"
    settings.parent.mkdir(parents=True)
    settings.write_text("c.InteractiveShell.colors = 'nocolor'")
    kernelspec.install()
    first = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert kernelspec.install() == tmp_path / "share" / "jupyter" / "kernels" / "course"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == first
    assert settings.read_text().splitlines() == [
        "c.InteractiveShell.colors = 'nocolor'",
        "c.IPKernelApp.capture_fd_output = False",
    ]
