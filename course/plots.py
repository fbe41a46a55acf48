"""The figures of the lessons: each function draws one from data, shows it, and returns nothing.

Several runs of one thing are drawn as their median with a band from the least to the greatest. Labels carry units.
The style is that of `course.figure`, which also shows picture and alt text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from course.figure import (
    COLORS,
    DASHES,
    GREY,
    add_axes,
    add_rows,
    drawing,
    make_logarithmic,
    refuse_more_than_styles,
    styled,
)

Series = Mapping[str, Any]  # name -> what NumPy makes an array of


def lines(
    x: ArrayLike,
    series: Series,
    *,
    title: str,
    x_label: str,
    y_label: str,
    log: str = "",
    marked: Mapping[str, float] | None = None,
    names_below: bool = False,
) -> None:
    """Draw named series, each (points,) or (runs, points), against `x` (points,).

    `log` names the logarithmic axes, "x", "y" or "xy"; `marked` names places on the x axis. A single series of few
    points has a marker at each. `names_below` puts the names below the axes, where they can hide no curve.
    """
    marked = marked or {}
    refuse_more_than_styles("marks", marked)
    x = np.asarray(x)
    few = len(series) == 1 and len(x) <= 24
    spacing = 1 if few else max(1, len(x) // 8)  # of markers
    band = None
    with drawing(title) as (figure, alt_text):
        axes = add_axes(figure, title, x_label, y_label)
        make_logarithmic(axes, log)
        if x.dtype.kind == "i" and "x" not in log:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number, (style, values) in enumerate(styled(series)):
            runs = np.atleast_2d(np.asarray(values, dtype=float))
            median = _of_each_point(np.nanmedian, runs) if len(runs) > 1 else runs[0]
            axes.plot(x, median, **style, markevery=(number % spacing, spacing))
            alt_text.append(trend(style["label"], x, median, x_label))
            if len(runs) > 1:
                low = _of_each_point(np.nanmin, runs)
                high = _of_each_point(np.nanmax, runs)
                band = f"median and range of {len(runs)} runs"
                axes.fill_between(x, low, high, color=style["color"], alpha=0.2, linewidth=0)
                alt_text += _ends(runs)
        for dash, (name, place) in zip(DASHES[::-1], marked.items(), strict=False):
            axes.axvline(place, color=GREY, linestyle=dash, label=f"{name}: {place:.3g}")
            alt_text.append(f"Marked: {name} at {place:.3g}.")
        if names_below:
            figure.legend(title=band, loc="outside lower center", ncols=2)
        else:
            axes.legend(title=band)


def _of_each_point(statistic: Callable, runs: NDArray) -> NDArray:
    """Return a statistic of the runs (runs, points) at each point, NaN where no run has a value."""
    known = ~np.isnan(runs).all(axis=0)
    found = np.full(len(known), np.nan)
    found[known] = statistic(runs[:, known], axis=0)
    return found


def _ends(runs: NDArray) -> Iterator[str]:
    """Say where the runs (runs, points) end, each with its last value that is a number."""
    known = [run[~np.isnan(run)] for run in runs]
    if ends := [run[-1] for run in known if run.size]:
        yield f"Its {len(runs)} runs end between {min(ends):.3g} and {max(ends):.3g}."


def trend(name: str, x: NDArray, y: NDArray, x_label: str) -> str:
    """Say where a curve goes from and to, and where it turns; NaN is where it has no value."""
    known = ~np.isnan(y)
    x = x[known]
    y = y[known]
    if not y.size:
        return f"{name} has no values."
    first = y[0]
    last = y[-1]
    verb = "stays"
    if last > first:
        verb = "rises"
    if last < first:
        verb = "falls"
    parts = [f"{name} {verb} from {first:.3g} to {last:.3g}"]
    if not known[-1]:
        parts.append(f"ends at {x_label} {x[-1]:.3g}")
    turns = {"lowest": np.argmin(y), "highest": np.argmax(y)}
    for adjective, place in turns.items():
        if 0 < place < len(y) - 1:
            parts.append(f"{adjective} {y[place]:.3g} at {x_label} {x[place]:.3g}")
    return ", ".join(parts) + "."


def learning_curves(
    histories: Any, *, metric: str = "loss", title: str, y_label: str | None = None, log: str = ""
) -> None:
    """Draw `metric` of training and validation against the epoch.

    `histories`: what `fit` returned, or its `history` dictionary, or a list of them, one a seed (a run that
    stopped early just ends early). `y_label` carries the unit; it is the metric's name when left out.
    Raises KeyError for a metric that was not recorded, ValueError where validation was not measured after each epoch.
    """
    histories = histories if isinstance(histories, list) else [histories]
    runs: list[dict[str, list[float]]] = [getattr(run, "history", run) for run in histories]
    if metric not in runs[0]:
        raise KeyError(f"metric = {metric!r}: must be one of {', '.join(runs[0])}")
    for run in runs:
        refuse_epochs_without_validation(run, metric)
    epochs = max(len(run[metric]) for run in runs)
    series = {}
    for part, key in {"training": metric, "validation": f"val_{metric}"}.items():
        if key in runs[0]:
            series[part] = [_padded(run[key], epochs) for run in runs]
    y_label = y_label or metric.replace("_", " ")
    lines(np.arange(1, epochs + 1), series, title=title, x_label="epoch", y_label=y_label, log=log)


def refuse_epochs_without_validation(run: Mapping[str, Any], metric: str = "loss") -> None:
    """Raise ValueError where validation was measured after some epochs alone: a history does not tell after which."""
    epochs = len(run[metric])
    measured = len(run.get(f"val_{metric}", run[metric]))
    if measured != epochs:
        raise ValueError(
            f"val_{metric} has {measured} values for {epochs} epochs: must have one an epoch, as with validation_freq=1"
        )


def _padded(values: Sequence[float], length: int) -> list[float]:
    """Fill up with NaN, for the epochs that a run did not have."""
    missing = length - len(values)
    return [*values, *[np.nan] * missing]


def threshold_curve(thresholds: ArrayLike, scores: Series, *, title: str, chosen: float) -> None:
    """Draw `scores` (such as `metrics.scores_at` gives) against the threshold, the `chosen` one marked."""
    lines(
        thresholds,
        scores,
        title=title,
        x_label="threshold (probability)",
        y_label="score (share)",
        marked={"chosen": chosen},
    )


def reliability_curve(
    y_true: ArrayLike, probabilities: Series, *, title: str, bins: int = 10
) -> None:
    """Draw how often an event came against how likely it was said to be, in `bins` of equally many rows.

    `y_true` (rows,): 0 or 1; `probabilities`: (rows,) for each model. On the diagonal a model keeps its word.
    """
    from sklearn.calibration import calibration_curve

    rate = np.mean(np.asarray(y_true))
    with drawing(title, size=(6.0, 5.0)) as (figure, alt_text):
        axes = add_axes(
            figure, title, "predicted probability", "observed frequency (share of rows)"
        )
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfectly calibrated")
        for style, probability in styled(probabilities):
            observed, predicted = calibration_curve(
                y_true, probability, n_bins=bins, strategy="quantile"
            )
            axes.plot(predicted, observed, **style)
            mean = np.mean(probability)
            alt_text.append(
                f"{style['label']}: {mean:.3g} predicted on average, {rate:.3g} observed."
            )
        axes.legend()


def confusion_matrix(counts: ArrayLike, class_names: Sequence[str], *, title: str) -> None:
    """Draw `counts` (true class, predicted class); the shade is the share of the true class."""
    counts = np.asarray(counts, dtype=float)
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(rows, 1)
    size = len(class_names)
    longest = max(map(len, class_names))
    with drawing(title, size=(2.4 + 0.55 * size, 1.8 + 0.4 * size)) as (figure, alt_text):
        axes = add_axes(figure, title, "predicted class", "true class")
        axes.grid(visible=False)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(size), class_names, rotation=45 if longest > 4 else 0)
        axes.set_yticks(range(size), class_names)
        for (true, predicted), count in np.ndenumerate(counts):
            ink = "white" if shares[true, predicted] > 0.5 else "black"
            axes.text(predicted, true, f"{count:g}", color=ink, ha="center", va="center")
        alt_text += _matrix_in_words(counts, shares, class_names)


def _matrix_in_words(counts: NDArray, shares: NDArray, class_names: Sequence[str]) -> list[str]:
    """Say how many rows are right, which class is worst, and which error most frequent."""
    has_rows = counts.any(axis=1)
    recalls = np.where(has_rows, shares.diagonal(), np.inf)
    worst = int(np.argmin(recalls))
    sentences = [
        f"{counts.trace():g} of {counts.sum():g} rows lie on the diagonal.",
        f"{class_names[worst]} has the least share right, {shares[worst, worst]:.3g}.",
    ]
    errors = counts - np.diag(counts.diagonal())
    if errors.any():
        true, predicted = divmod(int(np.argmax(errors)), len(class_names))
        error = f"{class_names[true]} taken for {class_names[predicted]}"
        sentences.append(f"Most frequent error: {error}, {errors.max():g} times.")
    return sentences


def images(
    pictures: ArrayLike, titles: Iterable[Any] = (), *, title: str, columns: int = 10
) -> None:
    """Draw a grid of `pictures` (number, height, width), 0 as paper and the greatest value as ink."""
    pictures = np.asarray(pictures, dtype=float)
    names = [str(name) for name in titles]
    darkest = pictures.max() or 1
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    width = max(3.0, 0.75 * columns)
    height = 0.5 + rows * (1.05 if names else 0.75)
    with drawing(title, size=(width, height)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, picture in zip(grid.flat, pictures, strict=False):
            axes.imshow(picture, cmap="gray_r", vmin=0, vmax=darkest)
        for axes, name in zip(grid.flat, names, strict=False):
            axes.set_title(name, fontsize=10, loc="center")
        listed = f": {', '.join(names)}" if names else ""
        alt_text.append(f"{len(pictures)} images, {columns} in a row{listed}.")


def contour_path(
    loss: Callable[[NDArray, NDArray], NDArray],
    paths: Series,
    *,
    title: str,
    x_label: str,
    y_label: str,
    around: ArrayLike | None = None,
) -> None:
    """Draw `paths` (steps, 2), a panel each, over the level lines of `loss(first weight, second weight)` on arrays.

    All panels share axes and level lines: those around the paths, or around points (rows, 2), so that figures can be
    compared.
    """
    paths = {name: np.asarray(path, dtype=float) for name, path in paths.items()}
    points = np.concatenate(list(paths.values())) if around is None else np.asarray(around)
    width = 5.0 if len(paths) == 1 else 2.7 * len(paths)
    with drawing(title, size=(width, 4.0)) as (figure, alt_text):
        panels = figure.subplots(1, len(paths), sharex=True, sharey=True, squeeze=False)[0]
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        panels[0].set_ylabel(y_label)
        for axes, (style, path) in zip(panels, styled(paths), strict=True):
            axes.set(title=style["label"], xlabel=x_label)
            axes.grid(visible=False)
            _level_lines(axes, loss, points)
            axes.plot(*path.T, **style, markersize=4)
            axes.plot(*path[0], "o", color="black")
            axes.annotate("start", path[0], xytext=(5, -12), textcoords="offset points")
            begin = _weights_in_words(path[0])
            end = _weights_in_words(path[-1])
            fall = f"loss {loss(*path[0]):.3g} to {loss(*path[-1]):.3g}"
            alt_text.append(
                f"{style['label']}: {len(path) - 1} steps from {begin} to {end}, {fall}."
            )


def _level_lines(axes: Axes, loss: Callable[[NDArray, NDArray], NDArray], points: NDArray) -> None:
    """Draw the level lines of a loss around `points` (rows, 2)."""
    low = points.min(axis=0)
    high = points.max(axis=0)
    margin = 0.25 * np.maximum(high - low, 1e-9)
    grid = np.meshgrid(*np.linspace(low - margin, high + margin, 120).T)
    heights = np.asarray(loss(*grid))
    shares = (
        np.linspace(0, 1, 14)[1:] ** 2
    )  # squared: the level lines of a bowl then lie evenly apart
    levels = heights.min() + np.ptp(heights) * shares
    axes.set(xlim=grid[0][0, [0, -1]], ylim=grid[1][[0, -1], 0])
    axes.contour(*grid, heights, levels, colors=GREY, linewidths=0.6)


def _weights_in_words(weights: NDArray) -> str:
    first, second = weights
    return f"({first:.3g}, {second:.3g})"


def predicted_vs_measured(
    measured: ArrayLike, predictions: Series, *, title: str, quantity: str
) -> None:
    """Draw predictions, (rows,) for each model, against what was measured, in a square panel each on equal scales.

    `quantity` carries the unit. On the diagonal a prediction is exact.
    """
    measured = np.asarray(measured, dtype=float)
    values = {name: np.ravel(made) for name, made in predictions.items()}
    ends = np.concatenate([measured, *values.values()])
    ends = ends[np.isfinite(ends)]  # a network that diverged has no points
    limits = ends.min() - 0.05 * np.ptp(ends), ends.max() + 0.05 * np.ptp(ends)
    with drawing(title, size=(4.0 * len(values), 4.6)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = figure.subplots(1, len(values), squeeze=False, sharey=True)
        for axes, (style, predicted) in zip(panels.flat, styled(values), strict=True):
            axes.axline((limits[0], limits[0]), slope=1, color=GREY, linewidth=1)
            axes.plot(measured, predicted, **style | {"linestyle": ""}, alpha=0.5)
            axes.set(title=style["label"], xlabel=f"measured {quantity}", aspect="equal")
            axes.set(xlim=limits, ylim=limits)
            error = np.sqrt(np.mean((predicted - measured) ** 2))
            too_high = np.sum(predicted > measured)
            alt_text.append(f"{style['label']}: root mean square error {error:.3g},")
            alt_text.append(f"{too_high} of {len(measured)} rows predicted too high.")
        panels.flat[0].set_ylabel(f"predicted {quantity}")


def bars(
    values: Series,
    *,
    title: str,
    label: str,
    published: Mapping[str, float] | None = None,
    zero: bool = True,
    most: float | None = None,
) -> None:
    """Draw named values, each a number or (runs,): their mean, and their range; a diamond marks the `published` figure.

    `zero=False` draws points without bars, on an axis that need not begin at 0 (a bar cut short would mislead).
    `most` is where the axis ends, so that two figures can be compared.
    """
    published = published or {}
    if unknown := [name for name in published if name not in values]:
        raise ValueError(f"published = {unknown[0]!r}: must be one of {', '.join(values)}")
    with drawing(title, size=(7.0, 1.5 + 0.4 * len(values))) as (figure, alt_text):
        axes = add_rows(figure, title, label, values)
        for row, (name, value) in enumerate(values.items()):
            runs = np.ravel(np.asarray(value, dtype=float))
            if zero:
                _bar(axes, row, np.mean(runs), named=runs.size == 1)
            if runs.size > 1 or not zero:
                _points(axes, row, runs)
            alt_text.append(f"{name}: {_runs_in_words(runs)}.")
            if name in published:
                axes.plot(
                    published[name],
                    row,
                    "D",
                    color=COLORS[1],
                    markersize=9,
                    fillstyle="none",
                    label="published",
                )
                alt_text.append(f"Published: {published[name]:.3g}.")
        if most is not None:
            axes.set_xlim(right=most)
        handles, labels = axes.get_legend_handles_labels()
        entries = dict(zip(labels, handles, strict=True))  # one of each label
        if entries:
            figure.legend(entries.values(), entries, loc="outside lower right", ncols=len(entries))


def _bar(axes: Axes, row: int, length: float, *, named: bool) -> None:
    """Draw a bar, its length in figures at its end where `named`, and where it would seem to be missing."""
    bar = axes.barh(row, length, height=0.6, color=COLORS[5])
    if named or length == 0:
        axes.margins(x=0.12)
        axes.bar_label(bar, [f"{length:.3g}"], padding=4)


def _points(axes: Axes, row: int, runs: NDArray) -> None:
    """Draw the range of runs, and their mean."""
    label = "mean and range" if runs.size > 1 else None
    axes.plot([runs.min(), runs.max()], [row, row], color="black", linewidth=2)
    axes.plot(np.mean(runs), row, "o", color="black", label=label)


def _runs_in_words(runs: NDArray) -> str:
    text = f"{np.mean(runs):.3g}"
    return f"{text} ({runs.min():.3g} to {runs.max():.3g})" if runs.size > 1 else text
