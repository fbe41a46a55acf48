"""What is exact on TensorFlow alone is refused on another backend."""

import keras
import pytest

from course.training.backend import BackendError
from course.training.checkpoints import Checkpoints
from course.training.metrics import ConfusionMatrix, ExactMatch

NEED_TENSORFLOW = {
    "Checkpoints": lambda folder: Checkpoints(folder),
    "ConfusionMatrix": lambda folder: ConfusionMatrix(["cat", "dog"], name="class"),
    "ExactMatch": lambda folder: ExactMatch(),
}


@pytest.mark.parametrize("name", NEED_TENSORFLOW)
def test_what_is_exact_on_tensorflow_alone_is_refused_by_name(name, tmp_path, monkeypatch):
    NEED_TENSORFLOW[name](tmp_path)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(BackendError, match=f"{name} needs Keras on TensorFlow, not on jax; unset"):
        NEED_TENSORFLOW[name](tmp_path)
