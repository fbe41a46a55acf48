"""What counts as another machine: whatever may change the last digits."""

import os
from importlib.metadata import version

import keras
import numpy as np
import pytest

from course import machine


def test_a_machine_is_its_packages_its_vectors_and_the_cores_in_use():
    found = machine.fingerprint.__wrapped__()
    here = {package: version(package) for package in ("tensorflow", "keras", "numpy")}
    assert found.items() >= here.items()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert found["cores"] == str(cores)
    features = np.show_config(mode="dicts")["SIMD Extensions"]
    assert found["vectors"].split() == [*features["baseline"], *features.get("found", [])]
    assert found.get("backend", "tensorflow") == keras.backend.backend()


def test_only_the_cores_that_this_process_may_use_count(monkeypatch):
    cores = {0: {4}, 1: {0, 1, 2}}  # by process; 0 is this one
    monkeypatch.setattr(machine.os, "sched_getaffinity", cores.get, raising=False)
    assert machine.fingerprint.__wrapped__()["cores"] == "1"


def test_what_is_as_usual_is_not_named(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert machine.fingerprint.__wrapped__().keys().isdisjoint({"backend", "onednn"})


def test_every_core_counts_where_the_system_does_not_say_which_are_ours(monkeypatch):
    monkeypatch.delattr(machine.os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(machine.os, "cpu_count", lambda: 96)
    assert machine.fingerprint.__wrapped__()["cores"] == "96"


def test_the_file_of_keras_is_looked_for_in_the_home_or_else_in_tmp(monkeypatch, tmp_path):
    folder = tmp_path / ".keras"
    folder.mkdir()
    (folder / "keras.json").write_text('{"backend": "jax"}')
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(machine.Path, "home", lambda: tmp_path)
    assert machine.fingerprint.__wrapped__()["backend"] == "jax"
    monkeypatch.setattr(machine.os, "access", lambda path, mode: False)
    assert machine._home() == machine.Path("/tmp")


@pytest.mark.parametrize(
    ("settings", "backend"),
    [('{"backend": "jax"}', {"backend": "jax"}), ("{}", {}), ("{", {}), (None, {})],
)
def test_a_backend_chosen_in_a_file_of_keras_is_another_machine(
    monkeypatch, tmp_path, settings, backend
):
    usual = machine.fingerprint.__wrapped__()
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if settings:
        (tmp_path / "keras.json").write_text(settings)
    assert machine.fingerprint.__wrapped__() == usual | backend
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # goes before
    assert machine.fingerprint.__wrapped__() == usual | {"backend": "torch"}


def test_a_user_without_a_home_has_a_machine_too(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    usual = machine.fingerprint.__wrapped__()
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(machine.Path, "home", homeless)
    assert machine.fingerprint.__wrapped__() == usual


@pytest.mark.parametrize(
    ("value", "named"),
    [("0", {"onednn": "off"}), ("false", {"onednn": "off"}), ("1", {}), ("", {})],
)
def test_tensorflow_without_onednn_is_another_machine(monkeypatch, value, named):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    usual = machine.fingerprint.__wrapped__()
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
    assert machine.fingerprint.__wrapped__() == usual | named


def test_a_backend_other_than_tensorflow_is_another_machine(monkeypatch):
    usual = machine.fingerprint.__wrapped__()
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert machine.fingerprint.__wrapped__() == usual
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert machine.fingerprint.__wrapped__() == usual | {"backend": "jax"}
