"""The figures of the lessons: each function draws one from data, shows it, and returns nothing.

Several runs of one thing are drawn as their median with a band from the least to the greatest. Labels carry units.
Look and alt text are made in `course.figure`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from course.figure import COLORS, DASHES, GREY, add_axes, drawing, looks, make_logarithmic

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
) -> None:
    """Draw named series, each (points,) or (runs, points), against `x` (points,).

    `log` names the logarithmic axes, "x", "y" or "xy"; `marked` names places on the x axis.
    """
    x = np.asarray(x)
    often, band = max(1, len(x) // 8), None
    with drawing(title) as (figure, words):
        axes = add_axes(figure, title, x_label, y_label)
        make_logarithmic(axes, log)
        if x.dtype.kind == "i" and "x" not in log:
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number, (look, values) in enumerate(zip(looks(series), series.values(), strict=True)):
            runs = np.atleast_2d(np.asarray(values, dtype=float))
            low, median, high = (reduce(runs, axis=0) for reduce in (np.nanmin, np.nanmedian, np.nanmax))
            axes.plot(x, median, **look, markevery=(number % often, often))
            words.append(_trend(look["label"], x, median, x_label))
            if len(runs) > 1:
                band = f"median and range of {len(runs)} runs"
                axes.fill_between(x, low, high, color=look["color"], alpha=0.2, linewidth=0)
                words.append(f"Its {len(runs)} runs end between {low[-1]:.3g} and {high[-1]:.3g}.")
        for dash, (name, place) in zip(DASHES[::-1], (marked or {}).items(), strict=False):
            axes.axvline(place, color=GREY, linestyle=dash, label=f"{name}: {place:.3g}")
            words.append(f"Marked: {name} at {place:.3g}.")
        axes.legend(title=band)


def learning_curves(
    histories: Any, *, metric: str = "loss", title: str, y_label: str | None = None, log: str = ""
) -> None:
    """Draw `metric` of training and validation against the epoch.

    `histories`: what `fit` returned, or its `history` dictionary, or a list of them, one a seed (a run that
    stopped early just ends early). `y_label` carries the unit; it is the metric's name when left out.
    Raises KeyError for a metric that was not recorded.
    """
    histories = histories if isinstance(histories, list) else [histories]
    runs: list[dict[str, list[float]]] = [getattr(run, "history", run) for run in histories]
    keys = {"training": metric, "validation": f"val_{metric}"}
    if metric not in runs[0]:
        raise KeyError(f"metric = {metric!r}: must be one of {', '.join(runs[0])}")
    epochs = np.arange(1, max(len(run[metric]) for run in runs) + 1)
    series = {
        part: [[*run[key], *[np.nan] * (len(epochs) - len(run[key]))] for run in runs]
        for part, key in keys.items()
        if key in runs[0]
    }
    lines(epochs, series, title=title, x_label="epoch", y_label=y_label or metric.replace("_", " "), log=log)


def threshold_curve(thresholds: ArrayLike, scores: Series, *, title: str, chosen: float) -> None:
    """Draw `scores` (such as `metrics.scores_at` gives) against the threshold, the `chosen` one marked."""
    labels = {"x_label": "threshold (probability)", "y_label": "score (share)"}
    lines(thresholds, scores, title=title, marked={"chosen": chosen}, **labels)


def reliability_curve(y_true: ArrayLike, probabilities: Series, *, title: str, bins: int = 10) -> None:
    """Draw how often an event came against how likely it was said to be, in `bins` of equally many rows.

    `y_true` (rows,): 0 or 1; `probabilities`: (rows,) for each model. On the diagonal a model keeps its word.
    """
    from sklearn.calibration import calibration_curve

    with drawing(title, size=(6.0, 5.0)) as (figure, words):
        axes = add_axes(figure, title, "predicted probability", "observed frequency (share of rows)")
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfectly calibrated")
        for look, probability in zip(looks(probabilities), probabilities.values(), strict=True):
            observed, predicted = calibration_curve(y_true, probability, n_bins=bins, strategy="quantile")
            axes.plot(predicted, observed, **look)
            words.append(f"{look['label']}: {np.mean(probability):.3g} predicted on average,")
            words.append(f"{np.mean(np.asarray(y_true)):.3g} observed.")
        axes.legend()


def confusion_matrix(counts: ArrayLike, class_names: Sequence[str], *, title: str) -> None:
    """Draw `counts` (true class, predicted class); the shade is the share of the true class."""
    counts = np.asarray(counts, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(class_names)
    with drawing(title, size=(2.4 + 0.55 * size, 1.8 + 0.4 * size)) as (figure, words):
        axes = add_axes(figure, title, "predicted class", "true class")
        axes.grid(visible=False)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(size), class_names, rotation=45 if max(map(len, class_names)) > 4 else 0)
        axes.set_yticks(range(size), class_names)
        for (true, predicted), count in np.ndenumerate(counts):
            ink = "white" if shares[true, predicted] > 0.5 else "black"
            axes.text(predicted, true, f"{count:g}", color=ink, ha="center", va="center")
        worst = int(np.argmin(np.where(counts.any(axis=1), shares.diagonal(), np.inf)))
        words.append(f"{counts.trace():g} of {counts.sum():g} rows lie on the diagonal.")
        words.append(f"{class_names[worst]} has the least share right, {shares[worst, worst]:.3g}.")
        errors = counts - np.diag(counts.diagonal())
        true, predicted = divmod(int(np.argmax(errors)), size)
        if errors.any():
            words.append(f"Most frequent error: {class_names[true]} taken for {class_names[predicted]},")
            words.append(f"{errors.max():g} times.")


def images(pictures: ArrayLike, titles: Iterable[Any] = (), *, title: str, columns: int = 10) -> None:
    """Draw a grid of `pictures` (number, height, width), 0 as paper and the greatest value as ink."""
    pictures, names = np.asarray(pictures, dtype=float), [str(name) for name in titles]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    with drawing(title, size=(max(3.0, 0.75 * columns), 0.5 + rows * (1.05 if names else 0.75))) as (figure, words):
        figure.suptitle(title, x=0.01, ha="left")
        for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
            axes.set_axis_off()
            if number < len(pictures):
                axes.imshow(pictures[number], cmap="gray_r", vmin=0, vmax=pictures.max() or 1)
                axes.set_title(names[number] if names else "", fontsize=10, loc="center")
        words.append(f"{len(pictures)} images, {columns} in a row" + f": {', '.join(names)}" * bool(names) + ".")


def contour_path(
    loss: Callable[[NDArray, NDArray], NDArray], paths: Series, *, title: str, x_label: str, y_label: str
) -> None:
    """Draw the level lines of `loss(first weight, second weight)`, taken on arrays, and `paths` (steps, 2)."""
    steps = np.concatenate([np.asarray(path, dtype=float) for path in paths.values()])
    low, high = steps.min(axis=0), steps.max(axis=0)
    margin = 0.25 * np.maximum(high - low, 1e-9)
    grid = np.meshgrid(*np.linspace(low - margin, high + margin, 120).T)
    heights = np.asarray(loss(*grid))
    # Squared steps: the level lines of a bowl then lie evenly apart.
    levels = heights.min() + np.ptp(heights) * np.linspace(0, 1, 14)[1:] ** 2
    with drawing(title, size=(6.5, 5.0)) as (figure, words):
        axes = add_axes(figure, title, x_label, y_label)
        axes.grid(visible=False)
        contours = axes.contour(*grid, heights, levels, colors=GREY, linewidths=0.6)
        axes.clabel(contours, levels[1::2], fmt="%.3g")
        for look, path in zip(looks(paths), map(np.asarray, paths.values()), strict=True):
            axes.plot(*path.T, **look, markevery=max(1, len(path) // 15))
            begin, end = path[0], path[-1]
            words.append(f"{look['label']}: {len(path) - 1} steps from ({begin[0]:.3g}, {begin[1]:.3g})")
            words.append(f"to ({end[0]:.3g}, {end[1]:.3g}), loss {loss(*begin):.3g} to {loss(*end):.3g}.")
        axes.legend()


def predicted_vs_measured(measured: ArrayLike, predictions: Series, *, title: str, quantity: str) -> None:
    """Draw predictions, (rows,) for each model, against what was measured; `quantity` carries the unit."""
    measured = np.asarray(measured, dtype=float)
    with drawing(title, size=(6.0, 5.0)) as (figure, words):
        axes = add_axes(figure, title, f"measured {quantity}", f"predicted {quantity}")
        axes.set_aspect("equal", adjustable="datalim")
        axes.axline((measured.min(), measured.min()), slope=1, color=GREY, linewidth=1, label="exact")
        for look, predicted in zip(looks(predictions), map(np.ravel, predictions.values()), strict=True):
            axes.plot(measured, predicted, **look | {"linestyle": ""}, alpha=0.6)
            error = np.sqrt(np.mean((predicted - measured) ** 2))
            words.append(f"{look['label']}: root mean square error {error:.3g},")
            words.append(f"{np.sum(predicted > measured)} of {len(measured)} rows predicted too high.")
        axes.legend()


def bars(
    values: Series, *, title: str, label: str, published: Mapping[str, float] | None = None, zero: bool = True
) -> None:
    """Draw named values, each a number or (runs,), with their range; a diamond marks the `published` figure.

    `zero=False` draws points without bars, on an axis that need not begin at 0 (a bar cut short would mislead).
    """
    published = published or {}
    with drawing(title, size=(7.0, 1.5 + 0.4 * len(values))) as (figure, words):
        axes = add_axes(figure, title, label, "")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(values)), list(values))
        axes.set_ylim(len(values) - 0.5, -0.5)
        for row, (name, value) in enumerate(values.items()):
            runs = np.ravel(np.asarray(value, dtype=float))
            middle, low, high = np.median(runs), runs.min(), runs.max()
            if zero:
                bar = axes.barh(row, middle, height=0.6, color=COLORS[5])
                if middle == 0:
                    axes.bar_label(bar, ["0"], padding=4)  # else the bar would seem to be missing
            if runs.size > 1 or not zero:
                axes.plot([low, high], [row, row], color="black", linewidth=2)
                axes.plot(middle, row, "o", color="black", label="median and range" if runs.size > 1 else None)
            words.append(f"{name}: {middle:.3g}" + (f" ({low:.3g} to {high:.3g})." if runs.size > 1 else "."))
            if name in published:
                axes.plot(published[name], row, "D", color=COLORS[1], markersize=9, fillstyle="none", label="published")
                words.append(f"Published: {published[name]:.3g}.")
        handles = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))  # one of each label
        if handles:
            figure.legend(handles.values(), handles, loc="outside lower right", ncols=len(handles))


def _trend(name: str, x: NDArray, y: NDArray, x_label: str) -> str:
    """Say where a curve goes from and to, and where it turns."""
    first, last = y[0], y[-1]
    way = "rises" if last > first else "falls" if last < first else "stays"
    turns = [
        f"{word} {y[place]:.3g} at {x_label} {x[place]:.3g}"
        for word, place in (("lowest", np.nanargmin(y)), ("highest", np.nanargmax(y)))
        if 0 < place < len(y) - 1
    ]
    return ", ".join([f"{name} {way} from {first:.3g} to {last:.3g}", *turns]) + "."
