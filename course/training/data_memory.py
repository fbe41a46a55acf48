"""What data of Python remember, from epoch to epoch of one `fit`: noted, compared, put back.

Data are read ahead, so only at the beginning of an epoch does what they remember belong to a moment of training.
"""

from typing import Any

import keras

from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.python_functions import PythonFunctions
from course.training.settings import differences


class DataMemory:
    """The memory of the data sets of Python among the arguments of `fit`, those for validation too.

    `content` is what it was when the epoch began, `moved` are the settings that training has changed by then.
    """

    def __init__(self) -> None:
        self.content: dict[str, dict[str, Any]] = {}
        self.moved: list[str] = []
        self._data: dict[str, Any] = {}
        self._begun_with: tuple[list[Any], dict[str, str]] = ([], {})  # data, their settings
        self._validation: dict[str, dict[str, Any]] = {}  # to be put back

    def take(self, call: dict[str, Any]) -> None:
        """Take the data of a call of `fit`."""
        given = {"data": call.get("x"), "validation data": call.get("validation_data")}
        self._data = {
            name: data for name, data in given.items() if isinstance(data, keras.utils.PyDataset)
        }
        self._are_one = given["data"] is given["validation data"]
        if self._are_one:
            self._data.pop("validation data", None)
        self._validation = {}
        self._functions = PythonFunctions([*given.values()])

    def begin(self, fresh: dict[str, str]) -> dict[str, str]:
        """Note the data as training finds them and return their settings; add to `fresh` what a new process has."""
        self._begin = Memory(self._data)
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
        self.content = data.content
        self.moved = list(differences(self._begun_with[1], data.settings))
        if self._are_one and self.moved:
            raise CheckpointError(
                f"validation data: they are the training data themselves, whose {self.moved[0]} changes, so that a "
                "resumed run would draw other rows; make a second one for validation"
            )

    def put_back(self, content: dict[str, dict[str, Any]], keep: frozenset[str]) -> None:
        """Give the data what they remembered."""
        self._keep = keep
        self._begin.put_back(content, keep=keep)
        self._validation = {
            place: part for place, part in content.items() if place.startswith("validation data")
        }

    def begin_validation(self) -> None:
        """Put validation data back once more: before Keras first uses them, it draws batches to see their form."""
        if self._validation:
            self._begin.put_back(self._validation, keep=self._keep)
            self._validation = {}
