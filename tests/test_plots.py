"""What the figures show, say and look like; drawn in a real IPython shell, read back from its outputs."""

import base64
import io
import re
import subprocess
import sys
import warnings
from functools import cache
from typing import Any

import matplotlib
import matplotlib.text
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib import colors, pyplot
from matplotlib.figure import Figure
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import root_mean_squared_error
from traitlets.config import Config

from course import figure as house
from course import plots

OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
random = np.random.default_rng(0)
x = np.linspace(1, 9, 40)
y = 2 * x + random.normal(size=40)
event = random.random(200) < 0.3
likely = np.clip(0.3 + 0.4 * event + random.normal(0, 0.2, 200), 0, 1)
history = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, 2.75]}
axes_of: Any = {"title": "A title", "x_label": "time (s)", "y_label": "loss (nats)"}


def bowl(first, second):
    return first**2 + 10 * second**2


FIGURES = {
    "lines": lambda: plots.lines(
        x, {"a": y, "b": [y, y + 1, y + 5]}, marked={"here": 3}, **axes_of
    ),
    "learning_curves": lambda: plots.learning_curves(history, title="A title"),
    "threshold_curve": lambda: plots.threshold_curve(
        x / 10, {"F1": y}, chosen=0.4, title="A title"
    ),
    "reliability_curve": lambda: plots.reliability_curve(event, {"model": likely}, title="A title"),
    "confusion_matrix": lambda: plots.confusion_matrix(
        [[5, 1], [2, 8]], ["cat", "dog"], title="A title"
    ),
    "images": lambda: plots.images([np.eye(8)] * 3, ["7", "2", "1"], title="A title"),
    "contour_path": lambda: plots.contour_path(
        bowl, {"slow": [[2, 1], [1, 0.5], [0.5, 0.1]]}, **axes_of
    ),
    "predicted_vs_measured": lambda: plots.predicted_vs_measured(
        y, {"line": 2 * x}, title="A title", quantity="fuel use (mpg)"
    ),
    "bars": lambda: plots.bars(
        {"a": [1, 2, 4], "b": 3}, title="A title", label="time (s)", published={"b": 2.5}
    ),
}


@pytest.fixture(scope="module", autouse=True)
def shell(tmp_path_factory):
    """A shell such as a notebook's, so that `display` has somewhere to go."""
    settings = Config({"HistoryManager": {"enabled": False}})
    yield InteractiveShell.instance(
        config=settings, ipython_dir=str(tmp_path_factory.mktemp("ipython"))
    )
    InteractiveShell.clear_instance()


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures that were shown, in order."""
    figures = []
    show = house.show

    def show_and_keep(figure, *words):
        figures.append(figure)
        show(figure, *words)

    monkeypatch.setattr(house, "show", show_and_keep)
    return figures


def outputs(draw):
    with capture_output() as captured:
        assert draw() is None
    return captured.outputs


def alt_of(draw):
    return outputs(draw)[0].metadata["image/png"]["alt"]


def picture_of(draw):
    return base64.b64decode(outputs(draw)[0].data["image/png"])


@cache
def first_outputs(name):
    return outputs(FIGURES[name])


def numbers(text):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[+-]\d+)?", text)]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_light_picture_that_carries_its_description(name):
    image, script = first_outputs(name)
    alt = image.metadata["image/png"]["alt"]
    picture = base64.b64decode(image.data["image/png"])
    opened = Image.open(io.BytesIO(picture))
    assert alt.startswith("A title. ")
    assert opened.info == {"Description": alt}
    assert opened.convert("L").getpixel((1, opened.height - 1)) == 255
    assert np.mean(np.asarray(opened.convert("L"))) > 128
    assert image.metadata["image/png"]["width"] < opened.width  # sharper than the screen's pixels
    assert script.data == {"text/html": house.GIVE_ALT}


@pytest.mark.parametrize("name", FIGURES)
def test_what_a_notebook_test_compares_holds_no_result(name):
    image, script = first_outputs(name)
    compared = {
        key: text for key, text in {**image.data, **script.data}.items() if key != "image/png"
    }
    assert compared == {"text/plain": "<Figure: A title>", "text/html": house.GIVE_ALT}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_is_the_same_bytes_whatever_the_reader_has_configured(name):
    first = first_outputs(name)[0].data["image/png"]
    with matplotlib.rc_context(
        {"font.size": 20, "figure.facecolor": "black", "lines.linewidth": 9}
    ):
        assert outputs(FIGURES[name])[0].data["image/png"] == first
    assert not pyplot.get_fignums()


@pytest.mark.parametrize("name", FIGURES)
def test_labels_are_set_and_no_text_is_smaller_than_ten_points(name, drawn):
    outputs(FIGURES[name])
    (figure,) = drawn
    texts = [
        text
        for text in figure.findobj(matplotlib.text.Text)
        if text.get_text() and text.get_visible()
    ]
    assert min(text.get_fontsize() for text in texts) >= 10
    assert "A title" in {text.get_text() for text in texts}
    if name != "images":
        (axes,) = figure.axes
        assert axes.get_xlabel()
        assert axes.get_ylabel() or name == "bars"  # whose rows are named


def test_the_script_finds_the_description_where_the_picture_has_it():
    def draw():
        plots.bars({"\u03b7": 1.5}, title="Rate \u03b7 \u2264 2", label="\u03b7 (1/step)")

    png = picture_of(draw)
    at = png.index(b"iTXtDescription")
    end = at + 4 + 256 * png[at - 2] + png[at - 1]
    assert png[at + 20 : end].decode() == alt_of(draw) == "Rate \u03b7 \u2264 2. \u03b7: 1.5."


def test_series_differ_in_color_dash_and_marker_and_colors_are_safe(drawn):
    outputs(lambda: plots.lines([1, 2], {str(n): [n, n + 1] for n in range(7)}, **axes_of))
    curves = drawn[0].axes[0].lines
    assert {colors.to_hex(curve.get_color()).upper() for curve in curves} <= OKABE_ITO
    for looks in (curve.get_color for curve in curves), (curve.get_marker for curve in curves):
        assert len({look() for look in looks}) == 7
    assert len({str(curve._dash_pattern) for curve in curves}) == 7
    with pytest.raises(ValueError, match="8 series in one figure: must be at most 7"):
        plots.lines([1, 2], {str(n): [n, n + 1] for n in range(8)}, **axes_of)


def test_more_marks_than_dashes_are_refused():
    marked = {f"m{n}": n for n in range(8)}
    with pytest.raises(ValueError, match="8 marks in one figure: must be at most 7"):
        plots.lines([1, 2], {"a": [1, 2]}, **axes_of, marked=marked)


def test_a_published_figure_of_no_row_is_refused():
    with pytest.raises(ValueError, match="published = 'b': must be one of a"):
        plots.bars({"a": 1}, title="A title", label="share", published={"a": 1, "b": 2})


def test_a_model_that_diverged_has_no_points_and_leaves_the_scale_to_the_others(drawn):
    made = {"good": [1.0, 3.0], "diverged": [np.nan, np.inf]}
    plots.predicted_vs_measured([1, 2], made, title="A title", quantity="load (N)")
    assert [axes.get_xlim() for axes in drawn[0].axes] == [pytest.approx((0.9, 3.1))] * 2


def test_panels_fill_rows_and_the_rest_of_the_last_row_is_empty():
    figure = Figure()
    panels = house.add_panels(figure, 4, 3)
    assert panels == figure.axes[:4]
    assert [axes.axison for axes in figure.axes] == [True] * 4 + [False] * 2


def test_several_runs_are_drawn_as_median_and_range(drawn):
    runs = random.normal(size=(5, 12))
    alt = alt_of(lambda: plots.lines(np.arange(12), {"loss": runs}, **axes_of))
    (axes,) = drawn[0].axes
    np.testing.assert_allclose(axes.lines[0].get_ydata(), np.median(runs, axis=0))
    edges = axes.collections[0].get_paths()[0].vertices
    for place in range(12):
        band = edges[edges[:, 0] == place, 1]
        assert (band.min(), band.max()) == (runs[:, place].min(), runs[:, place].max())
    assert axes.get_legend().get_title().get_text() == "median and range of 5 runs"
    assert f"5 runs end between {runs[:, -1].min():.3g} and {runs[:, -1].max():.3g}" in alt


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ([[9, 8], [4, 3, 2, 1]], "Its 2 runs end between 1 and 8."),
        ([[9, np.nan], [4, np.nan]], "Its 2 runs end between 4 and 9."),
        ([[np.nan], [np.nan]], "training has no values."),
    ],
)
@pytest.mark.filterwarnings("error")
def test_each_run_ends_with_its_last_number_also_where_it_stopped_early_or_diverged(losses, says):
    runs = [{"loss": run} for run in losses]
    assert alt_of(lambda: plots.learning_curves(runs, title="A title")).endswith(says)


def test_losses_of_some_epochs_alone_are_refused_since_nobody_knows_of_which():
    some = {"loss": [6, 5, 4, 3, 2, 1], "val_loss": [9, 8, 7]}
    says = "val_loss has 3 values for 6 epochs: must have one an epoch, as with validation_freq=1"
    with pytest.raises(ValueError, match=says):
        plots.learning_curves([history, some], title="A title")


def test_a_curve_is_described_by_its_ends_and_where_it_turns():
    alt = alt_of(
        lambda: plots.lines(
            [1, 2, 4], {"loss": [3, 0.5, 1], "rate": [1, 2, 4]}, log="xy", **axes_of
        )
    )
    assert (
        alt == "A title. loss falls from 3 to 1, lowest 0.5 at time (s) 2. rate rises from 1 to 4."
    )


def test_the_alt_text_says_where_a_curve_without_further_values_ends():
    alt = alt_of(lambda: plots.lines([0, 1, 2, 3], {"precision": [1, 2, 4, np.nan]}, **axes_of))
    assert alt == "A title. precision rises from 1 to 4, ends at time (s) 2."


class Fitted:
    """What `fit` returns, as far as it matters here."""

    def __init__(self, history):
        self.history = history


def test_learning_curves_take_what_fit_returns_and_runs_that_stopped_early(drawn):
    short = {"loss": np.array([1.0]), "val_loss": np.array([5.0])}
    outputs(
        lambda: plots.learning_curves(
            [Fitted(history), short], title="A title", y_label="loss (nats)"
        )
    )
    (axes,) = drawn[0].axes
    training, validation = (curve.get_ydata().tolist() for curve in axes.lines)
    assert training == [2.0, 2.0, 1.0]
    assert validation == [4.0, 2.5, 2.75]
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss (nats)")


def test_a_metric_that_was_not_recorded_is_named():
    with pytest.raises(KeyError, match="metric = 'auc': must be one of loss, val_loss"):
        plots.learning_curves(history, metric="auc", title="A title")


def test_the_chosen_threshold_is_marked(drawn):
    alt = alt_of(
        lambda: plots.threshold_curve(
            [0, 0.5, 1], {"F1": [0.2, 0.8, 0]}, chosen=0.25, title="A title"
        )
    )
    mark = drawn[0].axes[0].lines[-1]
    assert set(mark.get_xdata()) == {0.25}
    assert alt.endswith("highest 0.8 at threshold (probability) 0.5. Marked: chosen at 0.25.")


def test_the_reliability_curve_is_that_of_scikit_learn(drawn):
    alt = alt_of(FIGURES["reliability_curve"])
    observed, predicted = calibration_curve(event, likely, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(
        drawn[0].axes[0].lines[1].get_xydata(), np.transpose([predicted, observed])
    )
    assert numbers(alt) == pytest.approx([likely.mean(), event.mean()], rel=5e-3)


def test_a_confusion_matrix_is_read_out(drawn):
    counts = np.array([[90, 10, 0], [0, 0, 0], [30, 0, 20]])
    alt = alt_of(lambda: plots.confusion_matrix(counts, ["coat", "bag", "shirt"], title="Clothes"))
    assert alt == (
        "Clothes. 110 of 150 rows lie on the diagonal. shirt has the least share right, 0.4. "
        "Most frequent error: shirt taken for coat, 30 times."
    )
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == [str(count) for count in counts.flat]
    np.testing.assert_allclose(
        axes.images[0].get_array(), np.array([[0.9, 0.1, 0], [0, 0, 0], [0.6, 0, 0.4]])
    )


def test_images_are_drawn_in_order_with_their_titles(drawn):
    pictures = random.random((5, 4, 4))
    alt = alt_of(lambda: plots.images(pictures, np.arange(5), title="Digits", columns=3))
    assert alt == "Digits. 5 images, 3 in a row: 0, 1, 2, 3, 4."
    for number, axes in enumerate(drawn[0].axes[:5]):
        np.testing.assert_array_equal(axes.images[0].get_array(), pictures[number])
        assert axes.get_title() == str(number)
    assert not drawn[0].axes[5].images


def test_a_path_over_contours_is_read_out(drawn):
    path = [[2, 1], [1, 0.5], [0.5, 0.1]]
    alt = alt_of(lambda: plots.contour_path(bowl, {"slow": path}, **axes_of))
    assert alt == "A title. slow: 2 steps from (2, 1) to (0.5, 0.1), loss 14 to 0.35."
    contours = drawn[0].axes[0].collections[0]
    for level, line in zip(contours.levels, contours.get_paths(), strict=True):
        assert bowl(*line.vertices.T) == pytest.approx(level, rel=0.02)


def test_each_path_has_a_panel_with_the_same_axes_and_level_lines(drawn):
    paths = {"slow": [[2, 1], [1, 0.5]], "fast": [[2, 1], [-1, -0.5]]}
    plots.contour_path(bowl, paths, **axes_of)
    panels = drawn[0].axes
    assert [axes.get_title(loc="left") for axes in panels] == ["slow", "fast"]
    for axes, path in zip(panels, paths.values(), strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_xydata(), path)
        np.testing.assert_array_equal(axes.collections[0].levels, panels[0].collections[0].levels)
        assert axes.get_xlim() == panels[0].get_xlim() == (-1.75, 2.75)


def test_figures_around_the_same_points_have_the_same_axes_and_level_lines(drawn):
    around = [[-3, -2], [3, 2]]
    for path in ([[2, 1], [1, 0.5]], [[200, 100], [0.1, 0.1]]):
        plots.contour_path(bowl, {"slow": path}, **axes_of, around=around)
    first, second = (figure.axes[0] for figure in drawn)
    assert first.get_xlim() == second.get_xlim() == (-4.5, 4.5)
    assert first.get_ylim() == second.get_ylim() == (-3, 3)
    np.testing.assert_array_equal(first.collections[0].levels, second.collections[0].levels)


def test_predictions_are_read_out_as_scikit_learn_measures_them():
    first, second = numbers(alt_of(FIGURES["predicted_vs_measured"]))[:2]
    assert first == pytest.approx(root_mean_squared_error(y, 2 * x), rel=5e-3)
    assert second == np.sum(2 * x > y)


def test_models_are_compared_in_square_panels_on_equal_scales(drawn):
    plots.predicted_vs_measured(y, {"a": y + 1, "b": 3 * y}, title="A title", quantity="y (m)")
    panels = drawn[-1].axes
    ends = {axes.get_xlim() for axes in panels} | {axes.get_ylim() for axes in panels}
    assert len(panels) == 2
    assert len(ends) == 1
    low, high = ends.pop()
    assert low < min(y.min(), 3 * y.min())
    assert high > 3 * y.max()


def test_bars_begin_at_zero_and_points_need_not(drawn):
    values: Any = {"a": [0.97, 0.97, 1.0], "b": 0.96}
    options: Any = {"title": "A title", "label": "accuracy (share)"}
    alt = alt_of(lambda: plots.bars(values, published={"a": 0.95}, **options))
    assert alt == "A title. a: 0.98 (0.97 to 1). Published: 0.95. b: 0.96."
    assert alt_of(lambda: plots.bars(values, published={"a": 0.95}, zero=False, **options)) == alt
    bars, points = (figure.axes[0] for figure in drawn)
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([0.98, 0.96])
    assert bars.get_xlim()[0] == 0
    dots = [
        [line.get_ydata().tolist() for line in axes.lines if line.get_marker() == "o"]
        for axes in (bars, points)
    ]
    assert dots == [
        [[0]],
        [[0], [1]],
    ]  # a single bar says it all; without bars a dot is all there is
    assert not points.patches
    assert points.get_xlim()[0] > 0.9
    labels = [text.get_text() for text in points.figure.legends[0].get_texts()]
    assert labels == ["mean and range", "published"]


def test_a_bar_has_its_number_at_its_end_also_where_it_has_no_length(drawn):
    plots.bars({"a": 0.0, "b": 2.0}, title="A title", label="difference")
    assert [text.get_text() for text in drawn[0].axes[0].texts] == ["0", "2"]


def test_a_figure_is_as_wide_as_its_title(drawn):
    outputs(
        lambda: plots.confusion_matrix(
            [[5, 1], [2, 9]], "ab", title="A title as long as those of lessons may be " * 2
        )
    )
    [figure] = drawn
    assert figure.axes[0].title.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize(
    ("values", "wanted"), [([0.002, 800], {"0.01", "100"}), ([1e-5, 10], {"-4", "0"})]
)
def test_a_logarithmic_axis_has_its_numbers_in_one_notation(drawn, values, wanted):
    options = {"title": "A title", "x_label": "epoch", "y_label": "loss (1)"}
    outputs(lambda: plots.lines([1, 2], {"a": values}, log="y", **options))
    axes = drawn[0].axes[0]
    low, high = axes.get_ylim()
    shown = [
        label.get_text()
        for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)
        if low <= place <= high
    ]
    powers = ["10^" in text for text in shown]
    assert all(powers) or not any(powers)
    assert all(any(text in label for label in shown) for text in wanted)


def test_a_single_series_of_few_points_has_a_marker_at_each(drawn):
    options = {"title": "A title", "x_label": "rate", "y_label": "steps (1)"}
    outputs(lambda: plots.lines(range(20), {"a": range(20)}, **options))
    assert drawn[0].axes[0].lines[0].get_markevery() == (0, 1)


def test_names_below_leave_the_axes_free(drawn):
    options = {"title": "A title", "x_label": "epoch", "y_label": "loss (1)", "names_below": True}
    outputs(lambda: plots.lines([1, 2], {"a": [3, 8], "b": [4, 5]}, **options))
    [figure] = drawn
    assert figure.axes[0].get_legend() is None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_a_narrow_logarithmic_axis_reads_plain_numbers(drawn):
    options = {"title": "A title", "x_label": "epoch", "y_label": "loss (1)"}
    outputs(lambda: plots.lines([1, 2], {"a": [3, 8]}, log="y", **options))
    ticks = drawn[0].axes[0].get_yminorticklabels()
    assert {tick.get_text() for tick in ticks} >= {"3", "4", "6"}
    options |= {"x_label": "learning rate"}
    outputs(lambda: plots.lines([0.003, 0.01, 0.03], {"a": [3, 8, 5]}, log="x", **options))
    ticks = drawn[1].axes[0].get_xminorticklabels()
    assert {tick.get_text() for tick in ticks} >= {"0.003", "0.03"}


def test_bars_of_two_figures_can_be_compared_on_one_scale(drawn):
    outputs(lambda: plots.bars({"a": 0.2}, title="A title", label="share", most=1))
    assert drawn[0].axes[0].get_xlim() == (0, 1)


def test_long_series_have_eight_markers_each_at_places_of_its_own(drawn):
    outputs(lambda: plots.lines(range(40), {"a": range(40)}, **axes_of))
    outputs(lambda: plots.lines(range(16), {"a": range(16), "b": range(16)}, **axes_of))
    outputs(lambda: plots.lines(range(24), {"a": range(24)}, **axes_of))
    outputs(lambda: plots.lines(range(25), {"a": range(25)}, **axes_of))
    places = [[line.get_markevery() for line in figure.axes[0].lines] for figure in drawn]
    assert places == [[(0, 5)], [(0, 2), (1, 2)], [(0, 1)], [(0, 3)]]


def test_a_series_without_values_and_one_that_stays_are_said_to_be_so():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alt = alt_of(
            lambda: plots.lines(
                [1, 2, 3], {"none": [np.nan] * 3, "flat": [2, 2, 2]}, log="x", **axes_of
            )
        )
    assert alt == "A title. none has no values. flat stays from 2 to 2."


def test_the_label_of_learning_curves_is_the_metrics_name_in_words(drawn):
    values = {"mean_error": [2.0, 1.0], "loss": [1.0, 1.0]}
    alt = alt_of(lambda: plots.learning_curves(values, metric="mean_error", title="A title"))
    [axes] = drawn[0].axes
    assert axes.get_ylabel() == "mean error"
    assert axes.get_yscale() == "linear"
    assert len(axes.lines) == 1  # there is no validation
    assert alt == "A title. training falls from 2 to 1."


def test_epochs_are_whole_numbers_on_the_axis(drawn):
    outputs(lambda: plots.learning_curves({"loss": [3.0, 1.0]}, title="A title"))
    ticks = drawn[0].axes[0].get_xticks()
    assert all(float(tick).is_integer() for tick in ticks)


def test_figures_grow_with_what_they_hold(drawn):
    few, many = np.zeros((2, 8, 8)), np.zeros((25, 8, 8))
    outputs(lambda: plots.images(few, title="A title"))
    outputs(lambda: plots.images(many, title="A title"))
    outputs(lambda: plots.images(many, range(25), title="A title"))
    outputs(lambda: plots.contour_path(bowl, {"a": [[2, 1], [1, 0]]}, **axes_of))
    outputs(lambda: plots.contour_path(bowl, {name: [[2, 1], [1, 0]] for name in "ab"}, **axes_of))
    outputs(lambda: plots.bars({"a": 1, "b": 2}, title="A title", label="l"))
    outputs(lambda: plots.predicted_vs_measured(y, {"a": y, "b": y}, title="A", quantity="y"))
    sizes = [figure.get_size_inches().tolist() for figure in drawn]
    expected = [[3, 1.25], [7.5, 2.75], [7.5, 3.65], [5, 4], [5.4, 4], [7, 2.3], [8, 4.6]]
    assert np.allclose(sizes, expected)


def test_pictures_have_paper_at_zero_and_ink_at_the_greatest_value_of_all(drawn):
    outputs(lambda: plots.images([np.eye(4), 3 * np.eye(4)], title="A title"))
    outputs(lambda: plots.images(np.zeros((1, 4, 4)), title="A title"))
    assert [axes.images[0].get_clim() for axes in drawn[0].axes] == [(0, 3)] * 2
    assert drawn[1].axes[0].images[0].get_clim() == (0, 1)
    assert not any(axes.axison for axes in drawn[0].axes)


def test_paths_are_drawn_in_their_style_from_a_black_start(drawn):
    outputs(
        lambda: plots.contour_path(bowl, {"a": [[2, 1], [1, 0]], "b": [[2, 1], [0, 0]]}, **axes_of)
    )
    for number, axes in enumerate(drawn[0].axes):
        path, start = axes.lines
        assert path.get_color() == house.COLORS[number]
        assert (start.get_xdata(), start.get_ydata()) == ([2], [1])
        [text] = axes.texts
        assert (text.get_text(), text.xy) == ("start", pytest.approx((2, 1)))
        assert axes.get_xlabel() == "time (s)"
    assert [axes.get_ylabel() for axes in drawn[0].axes] == ["loss (nats)", ""]


def test_level_lines_of_a_bowl_lie_evenly_apart(drawn):
    outputs(lambda: plots.contour_path(bowl, {"a": [[2, 1], [-2, -1]]}, **axes_of))
    axes = drawn[0].axes[0]
    levels = axes.collections[0].levels
    assert len(levels) == 13
    assert np.ptp(np.diff(np.sqrt(levels - levels[0] / 13**2))) < 0.05
    assert (axes.get_xlim(), axes.get_ylim()) == ((-3, 3), (-1.5, 1.5))


def test_the_panels_of_predictions_have_a_margin_and_a_diagonal(drawn):
    outputs(
        lambda: plots.predicted_vs_measured([1, 3], {"a": [2, 5]}, title="A title", quantity="y")
    )
    [axes] = drawn[0].axes
    assert axes.get_xlim() == axes.get_ylim() == pytest.approx((0.8, 5.2))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("measured y", "predicted y")
    diagonal, points = axes.lines
    assert (diagonal.get_xy1(), diagonal.get_slope()) == ((0.8, 0.8), 1)
    assert points.get_xydata().tolist() == [[1, 2], [3, 5]]
    assert points.get_linestyle() == "None"


def test_rows_stand_from_the_first_on_top(drawn):
    outputs(lambda: plots.bars({"first": [1, 3], "second": 2}, title="A title", label="share"))
    [axes] = drawn[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["first", "second"]
    assert axes.get_yticks().tolist() == [0, 1]
    assert axes.get_ylim() == (1.5, -0.5)
    span = axes.lines[0]
    assert span.get_xydata().tolist() == [[1, 0], [3, 0]]
    middle = axes.lines[1]
    assert middle.get_xydata().tolist() == [[2, 0]]
    assert axes.get_xlabel() == "share"
    assert [text.get_text() for text in axes.texts] == ["2"]


def test_counts_are_black_on_light_and_white_on_dark_and_long_names_lean(drawn):
    counts = [[9, 1, 0], [5, 5, 0], [0, 0, 0]]
    plots.confusion_matrix(counts, ["cat", "mouse", "fox"], title="A title")
    plots.confusion_matrix([[1, 0], [0, 1]], ["four", "dog"], title="A title")
    axes = drawn[0].axes[0]
    inks = [text.get_color() for text in axes.texts]
    assert inks == ["white", *["black"] * 8]
    assert [text.get_position() for text in axes.texts][:4] == [(0, 0), (1, 0), (2, 0), (0, 1)]
    assert axes.images[0].get_clim() == (0, 1)
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {45}
    assert {text.get_rotation() for text in drawn[1].axes[0].get_xticklabels()} == {0}
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "mouse", "fox"]
    assert drawn[0].get_size_inches() == pytest.approx([2.4 + 3 * 0.55, 1.8 + 3 * 0.4])


def test_a_matrix_without_errors_names_none():
    alt = alt_of(lambda: plots.confusion_matrix([[2, 0], [0, 3]], "ab", title="A title"))
    assert alt == "A title. 5 of 5 rows lie on the diagonal. a has the least share right, 1."


def test_the_reliability_curve_has_the_diagonal_and_as_many_bins_as_told(drawn):
    plots.reliability_curve(event, {"a": likely}, title="A title")
    plots.reliability_curve(event, {"a": likely}, title="A title", bins=4)
    assert drawn[0].axes[0].lines[0].get_xydata().tolist() == [[0, 0], [1, 1]]
    assert [len(figure.axes[0].lines[1].get_xdata()) for figure in drawn] == [10, 4]
    labels = [text.get_text() for text in drawn[0].axes[0].get_legend().get_texts()]
    assert labels == ["perfectly calibrated", "a"]


def test_a_picture_has_the_size_that_a_notebook_is_told(drawn):
    image, _ = outputs(lambda: plots.bars({"a": 1}, title="A title", label="l"))
    opened = Image.open(io.BytesIO(base64.b64decode(image.data["image/png"])))
    assert image.metadata["image/png"]["width"] == 7 * 96
    assert opened.size == (7 * 144, int(1.9 * 144))


def test_a_plain_script_prints_the_description_and_does_not_load_tensorflow():
    script = "import sys; from course import plots; plots.bars({'a': 2}, title='T', label='s')"
    script += "; print('tensorflow' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["T. a: 2.", "False False", ""]
