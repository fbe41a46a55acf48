"""How a figure of the course looks and is shown: a picture and its alt text, which says what the picture shows.

The alt text is computed from the data. It is stored with the output, where the book finds it, and in the PNG file
itself, where JupyterLab is taught to find it. Neither is compared when a notebook is tested, so that it may quote
results. Series differ in color (Okabe and Ito's palette, safe for color-blind readers),
dash and marker, so that grey print will do.
"""

import base64
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, LogFormatterMathtext
from PIL import Image
from PIL.PngImagePlugin import PngInfo

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
DASHES: list[Any] = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)), (0, (1, 1))]
MARKERS = "os^DvPX"
GREY = "#767676"  # 4.5 to 1 on white
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "font.size": 10,
    "grid.color": "#E0E0E0",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "lines.markersize": 5,
}
TITLE_LETTER = 0.085  # inches
CSS_PIXELS = 96  # an inch, so that 10 points of type are 10 points in a notebook
SHARPNESS = 1.5  # pixels of the picture for one of CSS

# JupyterLab 4.6 shows a picture without its alt text: this hands it the Description in the PNG file. The script is
# the same under every figure, so that stored outputs compare equal. Other front ends read the output's metadata.
GIVE_ALT = """<script>
for (const image of document.currentScript.closest(".jp-OutputArea")?.querySelectorAll("img") ?? []) {
  const png = atob(image.src.split(";base64,")[1] ?? ""), at = png.indexOf("iTXtDescription");
  const end = at + 4 + 256 * png.charCodeAt(at - 2) + png.charCodeAt(at - 1);
  const text = Uint8Array.from(png.slice(at + 20, end), (byte) => byte.charCodeAt(0));
  if (at > 0) image.alt = new TextDecoder().decode(text);
}
</script>"""


@contextmanager
def drawing(
    title: str, *, size: tuple[float, float] = (7.0, 4.0)
) -> Iterator[tuple[Figure, list[str]]]:
    """Give an empty figure of `size` inches and a list for the sentences of its alt text; show it at the end.

    It is made wide enough for the title.
    """
    with drawn(title, size=size) as figure:
        alt_text = [f"{title}."]
        yield figure, alt_text
        show(figure, title, " ".join(alt_text))


@contextmanager
def drawn(title: str, *, size: tuple[float, float]) -> Iterator[Figure]:
    """Give an empty figure of `size` inches in the course's style, made wide enough for the title."""
    width, height = size
    width_of_title = 1 + TITLE_LETTER * len(title)
    # Where other code has left the processor's flags raised, NumPy may warn of a product that is sound.
    with matplotlib.style.context(["default", STYLE]), np.errstate(invalid="ignore"):
        yield Figure(figsize=(max(width, width_of_title), height), layout="constrained")


def add_axes(figure: Figure, title: str, x_label: str, y_label: str) -> Axes:
    """Add labeled axes; the labels name quantity and unit."""
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    return axes


def add_rows(
    figure: Figure, title: str, label: str, names: Iterable[str], *, above: float = 0.5
) -> Axes:
    """Add axes with a row for each name, the first on top, and room of `above` rows over it; `label` is of x."""
    axes = add_axes(figure, title, label, "")
    rows = list(names)
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -above)
    return axes


def add_panels(figure: Figure, count: int, columns: int) -> list[Axes]:
    """Add axes for `count` panels, in rows of `columns`; what is left of the last row stays empty."""
    grid = figure.subplots(-(-count // columns), columns, squeeze=False)
    for spare in grid.flat[count:]:
        spare.set_axis_off()
    return list(grid.flat[:count])


class _OneNotation(LogFormatterMathtext):
    """Plain numbers where all powers of ten on an axis lie from 0.001 to 10,000, else powers for all."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        assert self.axis is not None  # set when the axis takes its formatter
        low, high = sorted(self.axis.get_view_interval())
        plain = low > 1e-4 and high < 1e5
        return f"{x:g}" if plain else super().__call__(x, pos)


class _PlainMinor(LogFormatter):
    """Labels the ticks between powers of ten that Matplotlib would label, with a plain 0.03 in place of 3e-02."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = super().__call__(x, pos)
        return f"{x:g}" if text and 1e-3 <= x < 1e5 else text


def make_logarithmic(axes: Axes, which: str) -> None:
    """Make the axes named in `which`, "x", "y" or "xy", logarithmic, its numbers in one notation."""
    for name in which:
        getattr(axes, f"set_{name}scale")("log")
        axis: Axis = getattr(axes, f"{name}axis")
        axis.set_major_formatter(_OneNotation())
        axis.set_minor_formatter(_PlainMinor(minor_thresholds=(1, 0.4)))


def styled(series: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Give the values of each series with its style: label, color, dash and marker.

    Raises ValueError for more than can be told apart.
    """
    refuse_more_than_styles("series", series)
    for (name, values), color, dash, marker in zip(
        series.items(), COLORS, DASHES, MARKERS, strict=False
    ):
        yield {"label": name, "color": color, "linestyle": dash, "marker": marker}, values


def refuse_more_than_styles(what: str, things: Collection) -> None:
    """Raise ValueError for more `things` than there are colors, dashes and markers to tell them apart."""
    if len(things) > len(COLORS):
        raise ValueError(
            f"{len(things)} {what} in one figure: must be at most {len(COLORS)}; draw those that matter"
        )


def show(figure: Figure, title: str, alt: str) -> None:
    """Display the figure in a notebook; elsewhere print its alt text."""
    if not InteractiveShell.initialized():
        print(alt)
        return
    picture = base64.b64encode(png(figure, alt)).decode()
    width = round(figure.get_figwidth() * CSS_PIXELS)
    metadata = {"image/png": {"alt": alt, "width": width}}
    display({"image/png": picture, "text/plain": f"<Figure: {title}>"}, metadata=metadata, raw=True)
    display({"text/html": GIVE_ALT}, raw=True)


def png(figure: Figure, alt: str) -> bytes:
    """Return the picture as PNG with `alt` as its Description: the same bytes for the same figure."""
    figure.dpi = CSS_PIXELS * SHARPNESS
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    description = PngInfo()
    description.add_itxt("Description", alt)
    buffer = io.BytesIO()
    # A palette makes the file, and with it the notebook, about four times smaller.
    picture.quantize(128, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True, pnginfo=description
    )
    return buffer.getvalue()
