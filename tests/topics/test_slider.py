"""The slider in an interactive session, which has a process of its own: other tests look at figures without one."""

import subprocess
import sys

SESSION = """
from IPython.core.interactiveshell import InteractiveShell
import ipywidgets
from course import plots
from course.topics import slider

def draw(slope):
    plots.lines([0, 1], {"line": [0, slope]}, title="A <line>", x_label="x", y_label="y")

if INTERACTIVE:
    InteractiveShell.instance()
box = slider.slider(draw, label="slope", low=0.0, high=10.0, start=2.0)
control, picture = box.children
assert (control.min, control.value, control.max, control.step) == (0, 2, 10, 0.01)
assert (control.description, control.continuous_update) == ("slope", False)
first = picture.value
control.value = 7.0
assert not any(isinstance(widget, ipywidgets.Output) for widget in box.children)
if INTERACTIVE:
    assert first.count("<img ") == picture.value.count("<img ") == 1
    assert 'alt="A &lt;line&gt;. line rises from 0 to 2." width="672">' in first
    assert 'alt="A &lt;line&gt;. line rises from 0 to 7."' in picture.value
    data, metadata = box._repr_mimebundle_()
    assert f"data:image/png;base64,{data['image/png']}" in first
    assert metadata["image/png"]["alt"] == "A <line>. line rises from 0 to 2."
    assert "application/vnd.jupyter.widget-view+json" in data
"""


def session(interactive):
    script = SESSION.replace("INTERACTIVE", str(interactive))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_moving_the_slider_draws_again_with_new_alt_text_and_prints_nothing():
    ran = session(interactive=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_a_plain_program_draws_the_figure_once_for_the_start():
    ran = session(interactive=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["A <line>. line rises from 0 to 2."]
