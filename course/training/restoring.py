"""From what was taken down of a value to the value again: data, containers, and references to what is there.

`course.training.memory` takes values down; each is plain data, or a dictionary whose "kind" says what it was.
"""

import collections
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from course.training import objects
from course.training.checkpoint_files import CheckpointError

SEQUENCES = {each.__name__: each for each in (list, tuple, set, frozenset, collections.deque)}
DICTIONARIES: dict[str, type] = {
    each.__name__: each for each in (dict, collections.OrderedDict, collections.Counter)
}
DICTIONARIES["defaultdict"] = collections.defaultdict
FACTORIES = {each.__name__: each for each in (int, float, str, list, dict, set)}


class Restoring:
    """Makes values from what was saved of them, each shared one once.

    `find` gives the object at a place, and raises CheckpointError where there is none; `descriptions` are of what is
    there now, by place.
    """

    def __init__(self, find: Callable[[str], Any], descriptions: Mapping[str, str]) -> None:
        self._find = find
        self._descriptions = descriptions
        self._made: dict[str, Any] = {}  # by place

    def value(self, saved: Any, now: Any, place: str) -> Any:
        """Return the value that was saved: if there is a container of its kind now, that one with the saved items."""
        if isinstance(saved, np.ndarray):  # a NumPy number, as earlier versions wrote it
            return saved[()]
        if not isinstance(saved, dict):
            return saved
        kind = saved["kind"]
        if kind == "there":
            return self._put_reference(saved)
        if kind == "named":
            return self._made.setdefault(place, objects.find(saved["module"], saved["name"]))
        if kind == "bytes":
            return bytes.fromhex(saved["hex"])
        if kind == "complex":
            return complex(*saved["parts"])
        if kind in ("array", "tensor"):
            new = np.array(saved["array"]) if kind == "array" else tf.constant(saved["array"])
        elif kind == "generator":
            new = objects.generator_in(saved["type"], saved["state"], now)
            if saved.get("seed"):  # earlier versions did not note it
                objects.set_seed(new, saved["seed"])
        elif kind in ("tuple", "frozenset"):
            new = self._put_unchangeable(saved, now, place)
        else:
            return self._put_container(saved, now, place)
        self._made[place] = new
        return new

    def _put_reference(self, saved: dict[str, Any]) -> Any:
        """Return what is at the saved place now, if it is of the same class and, where it was noted, content."""
        place = saved["place"]
        if place in self._made:
            return self._made[place]
        there = self._find(place)
        kind = type(there).__qualname__
        if saved.get("is", kind) != kind:
            raise CheckpointError(
                f"{place}: a {saved['is']} when the checkpoint was saved, {objects.describe(there)} now"
            )
        digest = self._descriptions.get(place)
        if saved.get("digest", digest) != digest:
            raise CheckpointError(
                f"{place}: {saved['digest']} when the run began, {digest} now; make it as it was then"
            )
        return there

    def _put_unchangeable(self, saved: dict[str, Any], now: Any, place: str) -> Any:
        before = list(now) if isinstance(now, tuple) else []
        items = self._put_items(saved["items"], before, place)
        if "is" in saved:  # a named tuple
            return type(self._find(place))(*items)
        return SEQUENCES[saved["kind"]](items)

    def _put_container(self, saved: dict[str, Any], now: Any, place: str) -> Any:
        kind = saved["kind"]
        if "is" in saved:
            now = self._find(place)
        wanted: type = DICTIONARIES.get(kind) or SEQUENCES[kind]
        if isinstance(now, wanted) and getattr(now, "maxlen", None) == saved.get("maxlen"):
            new: Any = now
        elif kind == "deque":
            new = collections.deque(maxlen=saved["maxlen"])
        elif kind == "defaultdict":
            new = collections.defaultdict(FACTORIES.get(saved["factory"]))
        else:
            new = wanted()
        self._made[place] = new
        if kind in DICTIONARIES:
            before = dict(new)
            pairs = {}
            for saved_key, saved_item in saved["items"]:
                key = self.value(saved_key, None, f"{place} key")
                pairs[key] = self.value(saved_item, before.get(key), f"{place}[{short(key)}]")
            new.clear()
            new.update(pairs)
            return new
        if kind == "set":
            items = self._put_items(saved["items"], [], place)
            new.clear()
            new.update(items)
            return new
        items = self._put_items(saved["items"], list(new), place)
        new.clear()
        new.extend(items)
        return new

    def _put_items(self, saved: list[Any], now: list[Any], place: str) -> list[Any]:
        now = now + [None] * len(saved)
        return [self.value(item, now[i], f"{place}[{i}]") for i, item in enumerate(saved)]


def short(key: Any) -> str:
    """Return a key of a dictionary as places name it."""
    return f"{key!r:.40}"
