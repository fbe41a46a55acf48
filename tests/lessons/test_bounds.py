"""Every bound against the seeds behind it: all keep it, and one more misses it less than once in a hundred."""

from course import claims
from course.evidence import SIGNIFICANT, has_margin, sign_test

ENOUGH = 8  # seeds: of fewer, all on one side, a sign test cannot tell a direction
MANY = 30  # seeds of a full measurement, from which a margin can be judged


def bounds(least):
    """Name, mode, limits and values of every bound that was measured over at least so many seeds."""
    for name, entry in claims.stored().items():
        for mode in ("full", "fast"):
            found = entry.get(mode, {}) if entry.get("kind") == "bound" else {}
            limits = {key: found[key] for key in ("at_least", "at_most") if key in found}
            if limits and len(found["values"]) >= least:
                yield name, mode, limits, found["values"]


def test_all_measured_seeds_keep_every_limit():
    promised = [
        entry[mode]
        for entry in claims.stored().values()
        for mode in ("full", "fast")
        if mode in entry
    ]
    promised = [entry for entry in promised if {"equals", "at_least", "at_most"} & entry.keys()]
    assert len(promised) > 200
    for entry in promised:
        for value in entry["values"]:
            assert value == entry.get("equals", value)
            assert entry.get("at_least", value) <= value <= entry.get("at_most", value)


def test_one_more_seed_misses_a_bound_less_than_once_in_a_hundred():
    tried = list(bounds(MANY))
    thin = [
        (name, mode, limits, values)
        for name, mode, limits, values in tried
        if not has_margin(values, **limits)
    ]
    waiting = len(list(bounds(1))) - len(tried)
    print(
        f"{len(tried) - len(thin)} of {len(tried)} have a margin; {waiting} wait for {MANY} seeds"
    )
    assert tried
    assert thin == []


def test_a_bound_at_zero_is_a_direction_that_a_sign_test_bears():
    directions = [
        (name, values) for name, _, limits, values in bounds(ENOUGH) if set(limits.values()) == {0}
    ]
    directions = [
        (name, values) for name, values in directions if any(values)
    ]  # zero alone has no direction
    assert len(directions) > 5
    assert [name for name, values in directions if sign_test(values) >= SIGNIFICANT] == []
