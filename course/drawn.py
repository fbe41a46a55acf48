"""An answer and the reference on the same drawn inputs, and in which way they differ.

A check's own cases name the mistakes that were foreseen. Drawn inputs find the others, and what all of them have in
common often names one: a sign, a factor, an order.
"""

import contextlib
import copy
import inspect
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from numbers import Number, Real
from typing import Any

import numpy as np

DRAWS = 100
TRIED = 20  # of the draws, with one argument changed
NUMBERS = (float, bool)  # compared without NumPy
LONGEST = 160  # characters that show one value
NOTHING = "Your function returns nothing. Does it end in a return?"

_seed: ContextVar[tuple[int, ...]] = ContextVar("seed", default=())

Draw = Callable[[np.random.Generator], tuple]  # gives the arguments of one call


@dataclass(frozen=True)
class Difference:
    """How an answer differs from the reference, and one input that shows it; `general` where it names no mistake."""

    behavior: str
    example: str
    general: bool = False


def generators(count: int = DRAWS) -> Iterator[np.random.Generator]:
    """Give the generators of `count` draws: the same ones each time, or within `fresh` those of its seed."""
    seed = _seed.get()
    return (np.random.default_rng([*seed, number]) for number in range(count))


def seed() -> tuple[int, ...]:
    """Return what inputs are drawn by here: nothing, or within `fresh` its seed."""
    return _seed.get()


@contextlib.contextmanager
def fresh(*seed: int) -> Iterator[None]:
    """Draw other inputs in the block than a notebook does, the same ones for the same seed."""
    token = _seed.set(seed)
    try:
        yield
    finally:
        _seed.reset(token)


class Calls(list[tuple]):
    """The arguments of many calls; `sent` is for who sends them to one answer after another."""

    sent: Any = None


@dataclass(frozen=True)
class Trial:
    """Inputs drawn at random, and what the reference gives for them: made once, for any number of answers."""

    reference: Callable
    calls: Calls

    @cached_property
    def expected(self) -> list[Any]:
        return _called_all(self.reference, self.calls)


def trial(reference: Callable, draw: Draw) -> Trial:
    """Draw DRAWS inputs to compare answers with the reference by."""
    return Trial(reference, Calls(draw(rng) for rng in generators()))


def difference(answer: Callable, trial: Trial) -> Difference | None:
    """Run an answer on the inputs of a trial; return how it differs from the reference, None where it does not."""
    pairs = list(zip(_called_all(answer, trial.calls), trial.expected, strict=True))
    wrong = [place for place, pair in enumerate(pairs) if not alike(*pair)]
    if not wrong:
        return None
    behavior = _behavior(pairs) or _unused(answer, trial.reference, trial.calls)
    counted = f"It is wrong for {len(wrong)} of {DRAWS} inputs drawn at random."
    examples = (_example(trial.reference, trial.calls[place], *pairs[place]) for place in wrong)
    return Difference(behavior or counted, min(examples, key=len), general=not behavior)


def numbers(answer: Callable, trial: Trial) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers that both give for TRIED inputs, as two arrays whose places belong together.

    Inputs for which one of the two gives no numbers, or numbers of another shape, are left out.
    """
    found: list[float] = []
    expected: list[float] = []
    answered = _called_all(answer, trial.calls[:TRIED])
    for pair in zip(answered, trial.expected, strict=False):
        with contextlib.suppress(TypeError, ValueError):
            yours, right = (np.asarray(each, dtype=float) for each in pair)
            if yours.shape == right.shape:
                found.extend(yours.ravel())
                expected.extend(right.ravel())
    return np.array(found), np.array(expected)


def alike(found: Any, expected: Any) -> bool:
    """Whether two `plain` values are the same, numbers to 1e-5."""
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping) or found.keys() != expected.keys():
            return False
        return all(alike(found[key], value) for key, value in expected.items())
    if isinstance(expected, Set):
        if isinstance(found, Mapping) or not np.iterable(found):
            return False
        try:
            return {*map(_key, found)} == {*map(_key, expected)}
        except TypeError:  # a list of lists, which no set can hold
            return False
    if isinstance(expected, str) or expected is None or found is None:
        return type(found) is type(expected) and found == expected
    if isinstance(expected, list) and _ragged(expected):
        return (
            np.iterable(found)
            and len(list(found)) == len(expected)
            and all(map(alike, found, expected))
        )
    try:
        return np.shape(found) == np.shape(expected) and (
            _near(found, expected) or np.allclose(found, expected, atol=1e-5, equal_nan=True)
        )
    except ValueError:  # rows of different lengths
        return False
    except TypeError:  # texts, or whole numbers too large for NumPy's own
        return np.array_equal(np.array(found, object), np.array(expected, object))


def _near(found: Any, expected: Any) -> bool:
    """Whether numbers are the same, as np.allclose says but ten times as fast; False where it must look itself."""
    if type(found) in NUMBERS and type(expected) in NUMBERS:
        return math.isfinite(expected) and abs(found - expected) <= 1e-5 * (1 + abs(expected))
    for each in (found, expected):
        if not isinstance(each, np.ndarray) or each.dtype.kind != "f":
            return False
    if not np.isfinite(found).all() or not np.isfinite(expected).all():
        return False
    return bool((abs(found - expected) <= 1e-5 * (1 + abs(expected))).all())


def plain(value: Any) -> Any:
    """Return `value` without tensors, iterators and NumPy's own scalars, which are as good as what they stand for."""
    if value is None or isinstance(value, str | bytes | Set):
        return value
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range | Iterator):
        return [plain(each) for each in value]
    if isinstance(value, Real):
        return value if isinstance(value, int) else float(value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return value
    return array.item() if array.ndim == 0 else array


def _called_all(function: Callable, calls: list[tuple]) -> list[Any]:
    """Return what `function` returns for each of the calls; one that has `many` gets them at once."""
    many = getattr(function, "many", None)
    if many:
        return [plain(each) for each in many(calls)]
    return [_called(function, call) for call in calls]


def _called(function: Callable, arguments: tuple) -> Any:
    """Return what `function` returns; it may change its arguments, and warn."""
    with warnings.catch_warnings(action="ignore"):
        return plain(function(*copy.deepcopy(arguments)))


def _unused(answer: Callable, reference: Callable, calls: list[tuple]) -> str:
    """Name an argument that never makes a difference to the answer, though it does to the reference."""
    for place, name in enumerate(inspect.signature(reference).parameters):
        changed = [_with_other(call, place) for call in calls[:TRIED]]
        if all(other is None for other in changed):
            continue
        chosen = [pair for pair in zip(calls, changed, strict=False) if pair[1]]
        told, wanted = (
            list(
                map(alike, *(_called_all(function, [*each]) for each in zip(*chosen, strict=True)))
            )
            for function in (answer, reference)
        )
        if all(told) and not all(wanted):
            return f"It returns the same, whatever `{name}` is."
    return ""


def _with_other(call: tuple, place: int) -> tuple | None:
    """Return the call with half the value of a number, or each of an array's; None where there is no such argument."""
    if (
        place >= len(call)
        or not isinstance(call[place], float | np.ndarray)
        or isinstance(call[place], np.bool_)
    ):
        return None
    if isinstance(call[place], np.ndarray) and call[place].dtype.kind != "f":
        return None
    return (*call[:place], call[place] / 2, *call[place + 1 :])


def _ragged(values: Sequence) -> bool:
    return len(
        {np.shape(each) if not isinstance(each, list | Mapping) else None for each in values}
    ) > 1 or any(isinstance(each, list | Mapping | str) or each is None for each in values)


def _key(value: Any) -> Any:
    return (
        value.item()
        if isinstance(value, np.generic | np.ndarray) and np.size(value) == 1
        else value
    )


def _behavior(pairs: list[tuple[Any, Any]]) -> str:
    """Say in words what is common to all answers that are not those expected; empty where nothing is seen."""
    kinds = [(_kind(found), _kind(expected)) for found, expected in pairs]
    if ("nothing", "nothing") not in kinds and any(found == "nothing" for found, _ in kinds):
        return NOTHING
    for kind, wanted in kinds:
        if kind != wanted and wanted != "a set":
            return f"It returns {kind}, but {wanted} is expected."
    said = {pair for pair in pairs if not alike(*pair)} if _texts(pairs) else set()
    if len(said) == 1:
        [(told, right)] = said
        return f'It says "{told}" where "{right}" is right.'
    try:
        sides = ([np.ravel(each) for each in side] for side in zip(*pairs, strict=True))
        found, expected = (np.concatenate(side).astype(float) for side in sides)
    except (TypeError, ValueError):  # texts, dictionaries
        return ""
    if not np.isfinite(found[np.isfinite(expected)]).all():
        return "It returns numbers that are not finite."
    return _factor(found, expected) or _order(pairs) or _side(found, expected)


def _factor(found: np.ndarray, expected: np.ndarray) -> str:
    """Say in words what all numbers have in common; of a factor or shift only if it holds where 0 is right, too."""

    def holds(right: np.ndarray) -> bool:
        return np.allclose(found[finite], right[finite], rtol=1e-4, atol=1e-5)

    finite = np.isfinite(expected)
    used = finite & (abs(expected) > 1e-3)
    if not used.any():
        return ""
    if np.allclose(found, found[0]):
        return f"It returns {found[0]:.4g} whatever the input."
    if {*np.unique(expected)} == {0, 1} and np.array_equal(found, 1 - expected):
        return "It says True where False is right, and False where True is."
    ratio = found[used] / expected[used]
    shift = found[used] - expected[used]
    if np.allclose(ratio, -1) and holds(-expected):
        return "The sign is flipped: it always returns minus what is right."
    if np.allclose(ratio, ratio[0], rtol=1e-4) and holds(ratio[0] * expected):
        return f"It always returns {ratio[0]:.4g} times what is right."
    if np.allclose(shift, shift[0], rtol=1e-4) and holds(expected + shift[0]):
        return f"It is always {abs(shift[0]):.4g} too {'large' if shift[0] > 0 else 'small'}."
    return ""


def _side(found: np.ndarray, expected: np.ndarray) -> str:
    """Say of numbers that they leave the range of what can be right, or on which side all wrong ones lie."""
    low = np.nanmin(expected)
    high = np.nanmax(expected)
    if low >= 0 and high <= 1 and (found.min() < -1e-5 or found.max() > 1 + 1e-5):
        return f"It returns {found.min() if found.min() < 0 else found.max():.4g}, where right values are in [0, 1]."
    wrong = ~np.isclose(found, expected, atol=1e-5, equal_nan=True)
    if (found[wrong] > expected[wrong]).all():
        return "Where it is wrong, it is always too large."
    if (found[wrong] < expected[wrong]).all():
        return "Where it is wrong, it is always too small."
    return ""


def _texts(pairs: list[tuple[Any, Any]]) -> bool:
    return all(isinstance(each, str) for pair in pairs for each in pair)


def _order(pairs: list[tuple[Any, Any]]) -> str:
    if all(np.ndim(expected) == 1 for _, expected in pairs):
        if all(alike(found[::-1], expected) for found, expected in pairs):
            return "The order is reversed."
        if all(alike(np.sort(found), np.sort(expected)) for found, expected in pairs):
            return "These are the right values in the wrong order."
    return ""


def _kind(value: Any) -> str:
    """Return what `value` is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Mapping):
        return f"a dictionary of {len(value)}"
    if isinstance(value, Set):
        return "a set"
    if isinstance(value, list) and _ragged(value):
        return f"a list of {len(value)}"
    if inspect.isroutine(value):
        return "a function"
    if np.ndim(value) == 0 and not isinstance(value, Number | np.generic | np.ndarray):
        return f"an object of the class {type(value).__name__}"
    if np.ndim(value) == 0:
        return "one number"
    return f"an array of shape {np.shape(value)}"


def _example(reference: Callable, arguments: tuple, found: Any, expected: Any) -> str:
    names = inspect.signature(reference).parameters
    given = ", ".join(
        f"{name} = {_shown(value)}" for name, value in zip(names, arguments, strict=False)
    )
    return f"For {given} it returns {_shown(found)}; right is {_shown(expected)}."


def _shown(value: Any) -> str:
    with np.printoptions(precision=4, suppress=True, threshold=30):
        text = " ".join(str(value).split()) if isinstance(value, np.ndarray) else repr(value)
    if isinstance(value, float):
        text = f"{value:.6g}"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
