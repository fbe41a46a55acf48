"""Programs that run at the same time, here without any framework: what each prints, and what an error leaves."""

import ast
import os
import socket
import subprocess
import time

import numpy as np
import psutil
import pytest

from course.topics.hosts import PLAIN_TRAINING, free_ports, jax_on_cpu, run_hosts

SUM = """
import os, numpy as np
print("talks " * 20_000)
print(os.environ["HOST"], np.load("data.npz")["x"].sum(), os.getcwd())
"""
MEET = """
import os, pathlib, time
pathlib.Path(os.environ["HOST"]).touch()
while not all(pathlib.Path(each).exists() for each in "01"):
    time.sleep(0.01)
print("met")
"""


def test_each_host_has_the_data_its_environment_and_a_folder_that_all_share():
    data = {"x": np.arange(5)}
    first, second = run_hosts(SUM, data, [{"HOST": "a"}, {"HOST": "b"}])
    assert first.splitlines()[1].startswith("a 10 ")
    assert second.splitlines()[1].startswith("b 10 ")
    assert first.split()[-1] == second.split()[-1]


def test_hosts_run_at_the_same_time():
    assert run_hosts(MEET, {}, [{"HOST": "0"}, {"HOST": "1"}], timeout=30) == ["met", "met"]


@pytest.mark.parametrize("failing", [0, 1])
def test_the_error_of_a_host_is_told_at_once_in_its_last_three_lines_and_nobody_is_left(failing):
    before = psutil.Process().children()
    program = "import os, time\nif os.environ['HOST'] == '1':\n    1 / 0\ntime.sleep(60)"
    environments = [{"HOST": "0"}, {"HOST": "0"}]
    environments[failing] = {"HOST": "1"}
    started = time.monotonic()
    with pytest.raises(RuntimeError) as error:
        run_hosts(program, {}, environments)
    assert time.monotonic() - started < 30  # also where a host before it waits
    number, *lines = str(error.value).splitlines()
    assert number.startswith(f"host {failing} of 2: ")
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert len(lines) == 2
    assert psutil.Process().children() == before


def test_a_host_that_does_not_end_in_time_is_ended():
    before = psutil.Process().children()
    started = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run_hosts("import time\ntime.sleep(60)", {}, [{}], timeout=0.2)
    assert time.monotonic() - started < 30
    assert psutil.Process().children() == before


def test_all_hosts_have_to_end_within_one_timeout():
    program = "import os, time; time.sleep(float(os.environ['SECONDS']))"
    with pytest.raises(subprocess.TimeoutExpired, match="host 1 of 2"):
        run_hosts(program, {}, [{"SECONDS": "1.5"}, {"SECONDS": "3"}], timeout=2)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_host_that_ends_without_a_word_is_reported_with_its_exit_status():
    with pytest.raises(RuntimeError, match=r"^host 0 of 1: ended with exit status -9$"):
        run_hosts("import os; os.kill(os.getpid(), 9)", {}, [{}])


def test_free_ports_differ_and_can_be_taken():
    ports = free_ports(3)
    assert len({*ports}) == 3
    for port in ports:
        socket.create_server(("localhost", port)).close()


def test_jax_sees_as_many_devices_as_asked_for():
    environment = jax_on_cpu(devices=4)
    assert environment["XLA_FLAGS"] == "--xla_force_host_platform_device_count=4"
    assert (environment["KERAS_BACKEND"], environment["JAX_PLATFORMS"]) == ("jax", "cpu")


def test_the_beginning_of_the_program_is_python():
    assert ast.parse(PLAIN_TRAINING).body
