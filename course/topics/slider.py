"""Lesson 01: a slider over a figure.

`ipywidgets.interact` would do, but it redirects output through an Output widget, and a notebook with one sometimes
hangs when it is executed rather than clicked through (jupyter/nbclient, issue 312). So the picture is put into an HTML
widget, where it also keeps its alt text. Where no kernel runs, the picture for the start stands in its place.
"""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


class Figure(ipywidgets.VBox):
    """A widget with a picture for places that show no widgets."""

    still: Any = None  # an output with image/png

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**kwargs)
        if self.still is None:
            return bundle, {}
        png = "image/png"
        return bundle | {png: self.still.data[png]}, {png: self.still.metadata[png]}


def slider(
    draw: Callable[[float], None], *, label: str, low: float, high: float, start: float
) -> Figure:
    """Return a slider with the figure that `draw` makes (by `course.plots`) for its value, drawn again when it moves.

    In a plain program the figure is drawn once, for `start`.
    """
    control = ipywidgets.FloatSlider(
        start, min=low, max=high, step=0.01, description=label, continuous_update=False
    )
    picture = ipywidgets.HTML()
    box = Figure([control, picture])

    def redraw(_change: Any = None) -> None:
        with capture_output() as drawn:
            draw(control.value)
        images = [output for output in drawn.outputs if "image/png" in output.data]
        picture.value = "".join(map(_image, images))
        box.still = box.still or next(iter(images), None)

    control.observe(redraw, "value")
    if InteractiveShell.initialized():
        redraw()
    else:
        draw(start)
    return box


def _image(output: Any) -> str:
    details = output.metadata["image/png"]
    source = f"data:image/png;base64,{output.data['image/png']}"
    return f'<img src="{source}" alt="{escape(details["alt"])}" width="{details["width"]}">'
