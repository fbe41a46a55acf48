"""What is exact on TensorFlow alone is refused on another backend, by name."""

import keras


class BackendError(RuntimeError):
    """Something of the course that Keras' backend cannot do."""


def need_tensorflow(what: str) -> None:
    """Raise BackendError where Keras does not run on TensorFlow."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise BackendError(
            f"{what} needs Keras on TensorFlow, not on {backend}; unset KERAS_BACKEND"
        )
