"""What data of Python remember, from epoch to epoch of one `fit`: noted, compared, put back.

Data are read ahead, so only at the beginning of an epoch does what they remember belong to a moment of training.
"""

from typing import Any

import keras

from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.objects import fingerprint
from course.training.python_functions import PythonFunctions
from course.training.settings import differences


class DataMemory:
    """The memory of the data sets of Python among the arguments of `fit`, those for validation too.

    `content` is what it was when the epoch began, `moved` are the settings that training has changed by then, and
    `validated` is whether a validation came before.
    """

    def __init__(self) -> None:
        self.content: dict[str, dict[str, Any]] = {}
        self.moved: list[str] = []
        self.validated = False
        self._data: dict[str, Any] = {}
        self._begun_with: tuple[list[Any], dict[str, str]] = ([], {})  # data, their settings
        self._validation: dict[str, dict[str, Any]] = {}  # to be put back

    def take(self, call: dict[str, Any], model: keras.Model) -> None:
        """Take the data of a call of the model's `fit`."""
        given = {"data": call.get("x"), "validation data": call.get("validation_data")}
        self._data = {
            name: data for name, data in given.items() if isinstance(data, keras.utils.PyDataset)
        }
        self._are_one = given["data"] is given["validation data"]
        if self._are_one:
            self._data.pop("validation data", None)
        self._validation = {}
        self._has_validated = False
        self._functions = PythonFunctions([*given.values()], model)

    def begin(self, fresh: dict[str, str]) -> dict[str, str]:
        """Note the data as training finds them and return their settings; add to `fresh` what a new process has."""
        self._begin = Memory(self._data)
        self._values = _values(self._begin)
        self._fresh = fresh
        data = [*self._data.values()]
        if list(map(id, self._begun_with[0])) != list(map(id, data)):
            self._begun_with = data, self._begin.settings  # a second `fit` finds them changed
        descriptions = self._begin.descriptions
        if not fresh.keys() & descriptions.keys():  # a second `fit` finds them in training
            fresh |= descriptions
        return self._begun_with[1]

    def note_epoch(self) -> None:
        """Keep what the data of an epoch follow from. Raises CheckpointError for what cannot be put back."""
        self._functions.check()
        data = Memory(self._data, begin=self._begin, fresh=self._fresh)
        if moved := [name for name, value in _values(data).items() if self._values[name] != value]:
            raise CheckpointError(
                f"{moved[0]}: changes, and of data only what Python holds is saved; draw with a generator of NumPy's"
            )
        self.content = data.content
        self.validated = self._has_validated
        self.moved = list(differences(self._begun_with[1], data.settings))
        if self._are_one and self.moved:
            raise CheckpointError(
                f"validation data: they are the training data themselves, whose {self.moved[0]} changes, so that a "
                "resumed run would draw other rows; make a second one for validation"
            )

    def put_back(
        self, content: dict[str, dict[str, Any]], keep: frozenset[str], *, validated: bool
    ) -> None:
        """Give the data what they remembered; `validated` is whether a validation came before."""
        self._keep = keep
        self._begin.put_back(content, keep=keep)
        self._has_validated = validated
        if validated:
            self._validation = {
                place: part
                for place, part in content.items()
                if place.startswith("validation data")
            }

    def begin_validation(self) -> None:
        """Put validation data back once more where Keras has drawn from them again, to see their form.

        It does so before the first validation of a process. What a validation begins with, `on_epoch_end`, was before
        that, and is made again.
        """
        self._has_validated = True
        if self._validation:
            self._begin.put_back(self._validation, keep=self._keep)
            self._validation = {}
            self._data["validation data"].on_epoch_end()


def _values(memory: Memory) -> dict[str, str]:
    """Return the values of variables that data hold, by their places, as sums."""
    return {place: fingerprint(value.numpy()) for place, value in memory.variables.items()}
