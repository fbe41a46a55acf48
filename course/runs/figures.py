"""What the parameters of a grid do to its results: small panels, each of one result over one swept number.

Every run is a dot, and a line goes through the medians, one for each combination of the other parameters. Seeds have no
order, so nothing joins them; where another number is swept they have no panel, since their runs are the dots there.
Drawn are a few results that the number changes, bounds first, then spreads, in the lesson's order; the tables of the
report hold all.
"""

import base64
import math
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from course import claims
from course.claims import Band, Claim
from course.figure import COLORS, CSS_PIXELS, GREY, add_axes, drawn, make_logarithmic, png, styled
from course.plots import trend
from course.runs.records import Record

MOST_PANELS = 4  # of a lesson, for each parameter
MOST_NAMED = 6  # places on the x axis that are named, with the value there
WIDE = 20  # greatest over least value of a parameter from which its axis is logarithmic
APART = 0.12  # of the axis: what two names on it need
# Inches, so that a panel fits a phone.
WIDTH = 3.6
HEIGHT = 2.7
LEGEND_LINE = 0.2
LETTERS = 46  # of a title in a line

Runs = list[tuple[Record, Claim]]
Points = dict[float, list[float]]  # place on the x axis -> values of the runs there
Series = dict[str, Points]  # by label


@dataclass(frozen=True)
class Panel:
    """A picture (PNG in base64) of a result of `lesson` over `parameter`; `alt` says in words what it shows."""

    lesson: str
    parameter: str
    picture: str
    width: int  # in CSS pixels
    alt: str


def panels(gathered: Sequence[Record]) -> list[Panel]:
    """Draw the chosen results of every lesson over each of its swept numbers; none where none is swept."""
    made: list[Panel] = []
    for lesson in dict.fromkeys(record.lesson for record in gathered):
        runs = [record for record in gathered if record.lesson == lesson]
        for parameter in swept(runs):
            made += (_panel(lesson, parameter, found) for found in chosen(runs, parameter))
    return made


def swept(runs: Sequence[Record]) -> list[str]:
    """Return the parameters of which `runs` have several numbers; the seed only where no other has."""
    values: dict[str, set[float]] = defaultdict(set)
    for record in runs:
        for name, value in record.parameters.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                values[name].add(value)
    several = [name for name, found in values.items() if len(found) > 1]
    return [name for name in several if name != "seed"] or several


def chosen(runs: Sequence[Record], parameter: str) -> list[Runs]:
    """Return the finite runs of each result to be drawn: of one that `parameter` changes while all others stay."""
    found: dict[str, Runs] = defaultdict(list)
    for record in runs:
        for name, claim in record.claims.items():
            if claim.kind != "fact" and not claim.timed and math.isfinite(claim.value):
                found[name].append((record, claim))
    changed = [each for each in found.values() if _changes(parameter, each)]
    return sorted(changed, key=lambda each: each[0][1].kind)[:MOST_PANELS]  # "bound" < "spread"


def _changes(parameter: str, runs: Runs) -> bool:
    values: dict[frozenset, set[float]] = defaultdict(set)
    for record, claim in runs:
        others = {name: at for name, at in record.parameters.items() if name != parameter}
        values[frozenset(others.items())].add(claim.value)
    return any(len(each) > 1 for each in values.values())


def _panel(lesson: str, parameter: str, runs: Runs) -> Panel:
    claim = runs[0][1]
    band = Band([each.value for _, each in runs], claim.digits)
    title = f"{claim.words} over {parameter}"
    series = _series(runs, parameter)
    if len(series) > len(COLORS):  # more than can be told apart: dots alone
        series = {"": _merged(series)}
    course = claims.band(claim.name, claim.mode) if _is_of_the_course(runs) else None
    lines = len(series) * (len(series) > 1) + bool(course)
    with drawn("", size=(WIDTH, HEIGHT + LEGEND_LINE * lines)) as figure:
        figure.suptitle(textwrap.fill(claim.words, LETTERS), x=0.01, ha="left", fontsize=10)
        axes = add_axes(figure, "", parameter, claim.unit)
        _scale(axes, sorted({place for points in series.values() for place in points}))
        alt_text = [f"{title}, {len(runs)} runs."]
        if course:
            axes.axhspan(course.low, course.high, color=GREY, alpha=0.2, linewidth=0)
            axes.axhline(course.median, color=GREY, linewidth=1, label=f"course: {course}")
            alt_text.append(f"The course has {course}.")
        for style, points in styled(series):
            _draw(axes, style, points, band, joined=parameter != "seed")
            if len(series) == 1:
                _name_values(axes, points, band)
            alt_text.append(_in_words(style["label"], points, band, parameter))
        if lines:
            figure.legend(loc="outside lower left", fontsize=9)
        alt = " ".join(alt_text)
        picture = base64.b64encode(png(figure, alt)).decode()
        return Panel(lesson, parameter, picture, round(WIDTH * CSS_PIXELS), alt)


def _series(runs: Runs, parameter: str) -> Series:
    """Deal the runs out by the other parameters that differ, and by the value of `parameter`."""
    found: dict[str, set] = defaultdict(set)
    for record, _ in runs:
        for name, value in record.parameters.items():
            found[name].add(value)
    others = [n for n in found if len(found[n]) > 1 and n not in (parameter, "seed")]
    series: Series = defaultdict(lambda: defaultdict(list))
    for record, claim in runs:
        label = ", ".join(f"{name} = {record.parameters.get(name)}" for name in others)
        series[label][record.parameters[parameter]].append(claim.value)
    return dict(series)


def _merged(series: Series) -> Points:
    points: Points = defaultdict(list)
    for each in series.values():
        for place, values in each.items():
            points[place] += values
    return points


def _is_of_the_course(runs: Runs) -> bool:
    """Tell whether all runs have the course's own parameters, so that its measured range is theirs."""
    return all(claim.standard for _, claim in runs) and len({claim.mode for _, claim in runs}) == 1


def _scale(axes: Axes, places: list[float]) -> None:
    """Set the scale of the x axis, and name its places where there is room."""
    logarithmic = places[0] > 0 and places[-1] / places[0] >= WIDE
    if logarithmic:
        make_logarithmic(axes, "x")
    elif all(isinstance(place, int) for place in places):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    at = np.log(places) if logarithmic else np.array(places, dtype=float)
    if len(places) <= MOST_NAMED and np.diff(at).min() >= APART * np.ptp(at):
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
    axes.margins(x=0.15, y=0.16)


def _draw(axes: Axes, style: dict, points: Points, band: Band, *, joined: bool) -> None:
    """Draw every run as a dot and the medians larger, with a line where they are `joined`."""
    places = sorted(points)
    dots: dict[str, Any] = {"color": style["color"], "markersize": 4, "alpha": 0.5}
    for place in places:
        axes.plot([place] * len(points[place]), points[place], style["marker"], **dots)
    medians = [median(points[place]) for place in places]
    shown = dict(style)
    if not joined:
        shown["linestyle"] = ""
    elif style["label"]:
        ends = (band.show(medians[0]), band.show(medians[-1]))
        shown["label"] = f"{style['label']}: from {ends[0]} to {ends[1]}"
    axes.plot(places, medians, **shown)


def _name_values(axes: Axes, points: Points, band: Band) -> None:
    """Write medians beside their marks: all of few, of many the least and the greatest."""
    medians = {place: median(values) for place, values in points.items()}
    ends = {min(medians, key=medians.__getitem__), max(medians, key=medians.__getitem__)}
    for place in medians if len(medians) <= MOST_NAMED else ends:
        beside: dict[str, Any] = {
            "xytext": (0, 6),
            "textcoords": "offset points",
            "ha": "center",
            "fontsize": 8,
        }
        axes.annotate(band.show(medians[place]), (place, medians[place]), **beside)


def _in_words(name: str, points: Points, band: Band, parameter: str) -> str:
    places = sorted(points)
    medians = [median(points[place]) for place in places]
    if len(places) > MOST_NAMED:
        return trend(name or "The median", np.array(places), np.array(medians), parameter)
    each = [
        f"{band.show(value)} at {place:g}" for place, value in zip(places, medians, strict=True)
    ]
    return f"{name or 'Median'}: {', '.join(each)}."
