"""What objects remember: all that can be reached from them, taken down as data, and put back.

A list of known places forgets a callback's deque, a layer's tf.Variable, a second optimizer. So the walk follows
every attribute, item and closure. What it meets is data, which is copied; a variable, which is noted; an object
that a new process makes again, so that its content can be put back; or it is refused, by its place.

In the objects of Keras and TensorFlow only variables count, and objects of your own: the rest are settings and
scaffolding. What an object keeps elsewhere, as in a file or a global variable, is not seen.
"""

import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from course.training import objects
from course.training.checkpoint_files import CheckpointError
from course.training.restoring import DICTIONARIES, FACTORIES, SEQUENCES, Restoring, short

ATOMS = (type(None), bool, int, float, str)
CONTAINERS = (*SEQUENCES.values(), dict)
CONFIGURED = (keras.optimizers.Optimizer, keras.losses.Loss)
LARGE = 1 << 16  # bytes from which on an array is saved only if it has changed


class Memory:
    """A walk over named objects.

    `content` is what each object remembers, by its place; `variables` are those found beside the `known` ones, which
    are saved elsewhere; `optimizers` are all that were met. With `begin`, the walk at the start of training, the
    walk refuses what a new process would not have at that start: there would be nothing to put its content into.
    Large arrays are left out if they are as in `fresh`, the `descriptions` of what a new process has by itself.

    Raises CheckpointError for what can neither be saved nor made again, with its place and a cure.
    """

    def __init__(
        self,
        roots: dict[str, Any],
        *,
        known: dict[str, Any] | None = None,
        begin: "Memory | None" = None,
        fresh: Mapping[str, str] | None = None,
    ) -> None:
        self.content: dict[str, dict[str, Any]] = {}
        self.variables: dict[str, Any] = {}
        self.optimizers: dict[str, Any] = {}
        self.descriptions: dict[
            str, str
        ] = {}  # of large arrays and of what only a new process can make, by place
        self._begin = begin
        self._fresh = fresh or {}
        self._objects = roots | (known or {})  # all that was met, by place
        self._places = {objects.identity(value): place for place, value in self._objects.items()}
        self._passed: dict[int, Any] = {}  # containers of the frameworks
        for place, root in roots.items():
            self._walk(root, place)

    @property
    def built_for(self) -> dict[str, list[str]]:
        """The places of the variables that each optimizer found here has been built for."""
        places = {}
        for place, optimizer in self.optimizers.items():
            if optimizer.built:
                places[place] = [
                    self._places[objects.identity(each)] for each in optimizer._trainable_variables
                ]
        return places

    @property
    def settings(self) -> dict[str, str]:
        """What is remembered, as short texts by place."""
        texts = {}
        for place, attributes in self.content.items():
            for name, saved in attributes.items():
                texts[_at(place, name)] = self._text(saved)
        return texts

    def knows(self, variable: Any) -> bool:
        """Whether a variable is among those found or known."""
        return objects.identity(variable) in self._places

    def assign(self, values: dict[str, np.ndarray]) -> None:
        """Give variables their values. Raises CheckpointError if one is missing or of another shape or type."""
        for place, value in values.items():
            self._there(place)
            variable = self.variables[place]
            dtype = keras.backend.standardize_dtype(variable.dtype)
            if tuple(variable.shape) != value.shape or dtype != value.dtype:
                raise CheckpointError(
                    f"{place}: {value.dtype} {value.shape} there, {variable.dtype} {variable.shape} here"
                )
            variable.assign(value)

    def build(self, optimizers: dict[str, list[str]]) -> None:
        """Build optimizers for the same variables as there. Raises CheckpointError if there are no such variables."""
        for place, variables in optimizers.items():
            optimizer = self._there(place)
            if not optimizer.built:
                optimizer.build([self._there(variable) for variable in variables])

    def put_back(
        self, content: dict[str, dict[str, Any]], *, keep: set[str] | frozenset[str] = frozenset()
    ) -> None:
        """Give each object the content that it had, except at the places to `keep`.

        Raises CheckpointError for an object that is missing.
        """
        restoring = Restoring(self._there, self.descriptions)
        for place, attributes in content.items():
            value = self._there(place)
            now = objects.attributes(value)
            for name, saved in attributes.items():
                where = _at(place, name)
                if where in keep:
                    continue
                new = restoring.value(saved, now.get(name), where)
                if new is not now.get(name) or name not in now:
                    try:
                        objects.set_attribute(value, name, new)
                    except Exception as error:  # whatever a class of the user's makes of it
                        raise CheckpointError(f"{where}: cannot be put back ({error})") from error

    # Taking

    def _walk(self, value: Any, place: str) -> None:
        """Follow the attributes of an object; those of its own are its content."""
        frameworks = objects.framework_names(type(value))  # type: ignore[arg-type]
        attributes = objects.attributes(value)
        scaffolding = objects.scaffolding(value)
        foreign = frameworks | scaffolding
        own = {name: part for name, part in attributes.items() if name not in foreign}
        if objects.is_from(type(value), objects.FRAMEWORKS) and not isinstance(
            value, keras.callbacks.Callback
        ):
            own = {}
        if own:
            self.content[place] = {
                name: self._take(part, _at(place, name)) for name, part in own.items()
            }
        for name, part in attributes.items():
            if name not in own and name not in scaffolding and not name.startswith("_self_"):
                self._search(part, _at(place, name))

    def _search(self, value: Any, place: str) -> None:
        """Look for variables, and for objects that are not the framework's, in what belongs to a framework."""
        if type(value) in ATOMS or isinstance(value, objects.UNCHANGING):
            return
        if isinstance(value, CONTAINERS):
            if id(value) in self._passed:
                return
            self._passed[id(value)] = value
            items: Any = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in list(items):
                self._search(item, f"{place}[{short(key)}]")
            return
        is_object = (
            isinstance(value, objects.CALLABLES)
            or objects.is_framework_object(value)
            or objects.is_of_the_user(value)
        )
        if is_object and self._meet(value, place):
            self.descriptions[place] = objects.describe(value)
            self._enter(value, place)

    def _take(self, value: Any, place: str) -> Any:
        """Return what to save of a value: data, or the place of something that a new process has, too."""
        if type(value) in ATOMS or isinstance(value, np.generic):
            return value
        if isinstance(value, bytes):
            return {"kind": "bytes", "hex": value.hex()}
        if isinstance(value, complex):
            return {"kind": "complex", "parts": [value.real, value.imag]}
        if not self._meet(value, place):
            return {"kind": "there", "place": self._places[objects.identity(value)]}
        if isinstance(value, np.ndarray | tf.Tensor):
            return self._take_array(value, place)
        if isinstance(value, CONTAINERS[:-1]):
            return self._take_sequence(value, place)
        if isinstance(value, dict):
            return self._take_dictionary(value, place)
        state = objects.generator_state(value)
        if state is not None:
            seed = objects.seed_state(value)
            return {"kind": "generator", "type": type(value).__name__, "state": state, "seed": seed}
        if objects.is_read_up(value):
            self._refuse(
                place,
                f"{objects.describe(value)} cannot be saved, since nobody can ask how far it has been read",
                "hold the data and a number of your own, and make it where it is read",
            )
        self._enter(value, place)
        return self._reference(value, place)

    def _meet(self, value: Any, place: str) -> bool:
        """Note where a value is; false if it has been met before."""
        identity = objects.identity(value)
        if identity in self._places:
            return False
        self._places[identity] = place
        self._objects[place] = value
        return True

    def _enter(self, value: Any, place: str) -> None:
        """Take what is in something that only a new process can make."""
        if objects.is_variable(value):
            self._take_variable(value, place)
        elif isinstance(value, objects.CALLABLES):
            if parts := objects.attributes(value):
                self.content[place] = {
                    name: self._take(part, _at(place, name)) for name, part in parts.items()
                }
        elif not isinstance(value, objects.UNCHANGING):
            self._take_object(value, place)

    def _take_array(self, value: Any, place: str) -> Any:
        array = (
            np.asarray(value) if hasattr(value, "__array__") else np.array(None)
        )  # a symbol has no value
        is_derived = isinstance(value, np.ndarray) and type(value) is not np.ndarray
        if array.dtype.hasobject or is_derived or not _is_kept_in_a_file(array.dtype):
            self._refuse(
                place,
                f"{objects.describe(value)} of {array.dtype} cannot be saved",
                "hold a plain array or a list",
            )
        if array.nbytes >= LARGE:
            digest = self.descriptions[place] = objects.fingerprint(array)
            if not self._begin or self._fresh.get(place) == digest:
                return {
                    "kind": "there",
                    "place": place,
                    "is": type(value).__qualname__,
                    "digest": digest,
                }
        kind = "array" if isinstance(value, np.ndarray) else "tensor"
        return {"kind": kind, "array": np.array(array)}

    def _take_sequence(self, value: Any, place: str) -> Any:
        kind = next(name for name, each in SEQUENCES.items() if isinstance(value, each))
        items = [self._take(item, f"{place}[{i}]") for i, item in enumerate(value)]
        content = {"kind": kind, "items": items}
        if kind == "deque":
            content["maxlen"] = value.maxlen
        return content if type(value) is SEQUENCES[kind] else self._of_a_kind(value, place, content)

    def _take_dictionary(self, value: Any, place: str) -> Any:
        items = []
        for key, item in value.items():
            taken_key = self._take(key, f"{place} key {short(key)}")
            taken_item = self._take(item, f"{place}[{short(key)}]")
            items.append([taken_key, taken_item])
        kind = type(value).__name__
        content = {"kind": "dict", "items": items}
        if type(value) is DICTIONARIES.get(kind):
            factory = getattr(value, "default_factory", None)
            if factory in (None, *FACTORIES.values()):
                return content | {"kind": kind, "factory": factory and factory.__name__}
        return self._of_a_kind(value, place, content)

    def _of_a_kind(self, value: Any, place: str, content: dict[str, Any]) -> Any:
        """Of a container of another class than the plain one."""
        if objects.is_from(
            type(value), {*objects.FRAMEWORKS, "wrapt"}
        ):  # what Keras makes of a list or dictionary
            return content
        if getattr(value, "__dict__", None):
            self._refuse(
                place,
                f"{objects.describe(value)} has attributes beside its items",
                "hold a plain container",
            )
        return content | self._reference(value, place) | {"kind": content["kind"]}

    def _take_variable(self, value: Any, place: str) -> None:
        if self._begin and place not in self._begin.variables:
            self._refuse(
                place,
                "this variable was made during training, and a resumed run would lack it",
                "make it before `fit`, as by building the model",
            )
        self.variables[place] = value

    def _take_object(self, value: Any, place: str) -> None:
        if isinstance(value, keras.optimizers.Optimizer):
            self.optimizers[place] = value
            for i, variable in enumerate(value.variables):
                where = f"{place}.variables[{i}]"
                if self._meet(variable, where):
                    self.variables[where] = variable
        if isinstance(value, tf.random.Generator):
            return self._take_variable(value.state, place)
        if not objects.is_framework_object(value) and not objects.is_plain(value):
            self._refuse(
                place,
                f"{objects.describe(value)} cannot be saved",
                "hold plain data instead, and open files where they are read (a callback that may begin anew can be "
                "given to `fit` itself, beside the Checkpoints)",
            )
        self._walk(value, place)
        return None

    def _reference(self, value: Any, place: str) -> dict[str, Any]:
        """Return what stands for something that only a new process can make."""
        description = self.descriptions[place] = objects.describe(value)
        if objects.is_found_by_name(value):
            return {"kind": "named", "module": value.__module__, "name": value.__qualname__}
        may_be_new = self._begin and not objects.is_variable(value)
        if may_be_new and not self._is_as_at_begin(value, place):
            self._refuse(
                place,
                f"{description} came there during training, and a resumed run would not have it",
                "put it there before, in `__init__` or `on_train_begin`, or hold plain data instead",
            )
        return {"kind": "there", "place": place, "is": type(value).__qualname__}

    def _is_as_at_begin(self, value: Any, place: str) -> bool:
        """Whether there was at `place` what stands for `value` in a new process, too."""
        begin: Any = self._begin
        there = begin._objects.get(place)
        if isinstance(value, types.MethodType | types.BuiltinMethodType):
            return type(there) is type(value) and there == value  # no description tells the object
        return begin.descriptions.get(place) == self.descriptions[place]

    def _refuse(self, place: str, what: str, cure: str) -> None:
        raise CheckpointError(f"{place}: {what}; {cure}")

    def _text(self, saved: Any) -> str:
        """Return what was taken of a value, as one line by which two of them can be told apart."""
        if not isinstance(saved, dict):
            return repr(saved)
        kind = saved["kind"]
        if kind == "there":
            place = saved["place"]
            there = self._objects.get(place)
            if isinstance(there, CONFIGURED):
                return repr(there.get_config() | {"name": ""})
            return str(self.descriptions.get(place, place))
        if kind in ("array", "tensor"):
            return objects.fingerprint(saved["array"])
        if kind in DICTIONARIES:
            items = [f"{self._text(key)}: {self._text(item)}" for key, item in saved["items"]]
            return "{" + ", ".join(items) + "}"
        if "items" in saved:
            items = [self._text(item) for item in saved["items"]]
            if kind in ("set", "frozenset"):  # in an order of their own in each process
                items.sort()
            return f"{kind}({', '.join(items)})"
        if kind == "generator":  # the seed of its children is put back, whatever it was
            return repr({name: part for name, part in saved.items() if name != "seed"})
        return repr(saved)

    def _there(self, place: str) -> Any:
        if place not in self._objects:
            raise CheckpointError(f"{place}: there when the checkpoint was saved, and missing now")
        return self._objects[place]


def _is_kept_in_a_file(dtype: np.dtype) -> bool:
    """Whether NumPy's files keep a type with names: not with bfloat16 among its parts, nor with parts that overlap."""
    try:
        return not dtype.names or np.lib.format.descr_to_dtype(dtype.descr) == dtype  # type: ignore[arg-type]
    except ValueError:
        return False


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if ": " in place else f"{place}: attribute {name}"
