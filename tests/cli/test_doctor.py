import sys
import venv
import zipfile

import keras
import pytest

from course import catalog, data
from course.catalog import all_lessons
from course.cli import doctor


def test_an_installation_that_is_fit_answers_every_question_well(capsys):
    assert doctor.examine(), capsys.readouterr().out
    *lines, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok    ") for line in lines)
    assert f"{all_lessons()[0].name} passed in" in "\n".join(lines)
    assert last == "All is well."


def test_without_the_kernel_of_the_course_the_plain_one_answers(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager

    monkeypatch.setattr(KernelSpecManager, "find_kernel_specs", lambda manager: {"python3": "/"})
    assert doctor._kernel() == (
        "python3 starts and answers; for quick starts run: python -m course.kernels.kernelspec"
    )


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A function that puts a text in place of requirements.lock; wheels lie beside it."""
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    monkeypatch.setenv(
        "UV_CACHE_DIR", str(tmp_path / "cache")
    )  # as on a machine where uv has never been
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    return lambda text: (tmp_path / "requirements.lock").write_text(text, encoding="utf-8")


def test_packages_are_held_to_the_lock_as_far_as_it_concerns_this_system(lock):
    lock(
        f"keras=={keras.__version__} ; sys_platform != 'none'\nnever==1 ; sys_platform == 'none'\n"
    )
    assert doctor._packages() == "all as locked"


def test_a_package_of_another_version_is_named_with_the_cure(lock, tmp_path):
    with zipfile.ZipFile(tmp_path / "keras-0.0.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            "keras-0.0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: keras\nVersion: 0.0.1\n"
        )
        wheel.writestr("keras-0.0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("keras-0.0.1.dist-info/RECORD", "")
    lock("keras==0.0.1\n")
    with pytest.raises(doctor.Unfit) as unfit:
        doctor._packages()
    expected = f"keras==0.0.1 locked, keras=={keras.__version__} installed instead; run: python bootstrap.py"
    assert str(unfit.value) == expected


@pytest.mark.parametrize("pin", ["keras==0.0.1", "missing-altogether==1.2"])
def test_a_package_that_cannot_be_had_offline_is_named_as_well(lock, pin):
    lock(f"{pin}\n")
    with pytest.raises(doctor.Unfit, match=rf"you require {pin}.*; run: python bootstrap\.py"):
        doctor._packages()


def test_where_uv_is_missing_the_doctor_says_how_to_get_it(lock, tmp_path, monkeypatch):
    lock("")
    venv.create(tmp_path / "bare")
    python = next(path for path in (tmp_path / "bare").rglob("python*") if path.stem == "python")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(doctor.Unfit, match=r"No module named uv; run: python bootstrap\.py"):
        doctor._packages()


def test_a_home_that_cannot_be_written_to_is_named_with_the_cure(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "file" / "jupyter"))
    with pytest.raises(
        doctor.Unfit, match=r"file/jupyter, where Jupyter keeps its files, .*; set HOME"
    ):
        doctor._home()


def test_missing_sums_are_named_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DATA", tmp_path)
    with pytest.raises(
        data.DataError,
        match="data/SHA256SUMS: missing; get it back with: git restore data/SHA256SUMS",
    ):
        doctor._data()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_another_backend_the_lessons_that_pass_there_are_named_and_the_rest(
    backend, monkeypatch
):
    pytest.importorskip(backend, reason=f"install it: python bootstrap.py {backend}")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    outcomes = {"01": {backend: {"outcome": "passes"}}, "03": {backend: {"outcome": "stops"}}}
    monkeypatch.setattr(catalog, "backends", lambda: outcomes)
    line = doctor._training()
    assert f"backend {backend}, Keras {keras.__version__}; lessons 01 pass on it; for 02 03" in line
    assert line.endswith("unset KERAS_BACKEND (docs/backends.md says why)")


def test_a_backend_that_is_not_installed_is_named_with_the_cure(tmp_path, monkeypatch):
    (tmp_path / "jax.py").write_text("raise ImportError('no JAX here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(
        doctor.Unfit, match=r"no JAX here; run: python bootstrap\.py jax, or unset KERAS_BACKEND"
    ):
        doctor._training()


@pytest.mark.parametrize("backend", ["numpy", "theano"])
def test_a_backend_that_trains_nothing_is_refused(backend, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(
        doctor.Unfit, match=f"{backend}: must be tensorflow, jax or torch; unset it"
    ):
        doctor._training()
