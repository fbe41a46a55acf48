"""Lesson 01: a slider over a figure.

`ipywidgets.interact` would do, but it redirects output through an Output widget, and a notebook with one sometimes
hangs when it is executed rather than clicked through (jupyter/nbclient, issue 312). So the picture is put into an HTML
widget, where it also keeps its alt text.
"""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


def slider(draw: Callable[[float], None], *, label: str, low: float, high: float, start: float) -> ipywidgets.VBox:
    """Return a slider with the figure that `draw` makes (by `course.plots`) for its value, drawn again when it moves.

    In a plain program the figure is drawn once, for `start`.
    """
    control = ipywidgets.FloatSlider(start, min=low, max=high, step=0.01, description=label, continuous_update=False)
    picture = ipywidgets.HTML()

    def redraw(_change: Any = None) -> None:
        with capture_output() as drawn:
            draw(control.value)
        picture.value = "".join(_image(output) for output in drawn.outputs if "image/png" in output.data)

    control.observe(redraw, "value")
    if InteractiveShell.initialized():
        redraw()
    else:
        draw(start)
    return ipywidgets.VBox([control, picture])


def _image(output: Any) -> str:
    details = output.metadata["image/png"]
    source = f"data:image/png;base64,{output.data['image/png']}"
    return f'<img src="{source}" alt="{escape(details["alt"])}" width="{details["width"]}">'
