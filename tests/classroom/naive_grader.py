"""A grader as many are: it runs the lesson, an answer and the check in one process, and believes what comes out.

    python naive_grader.py LESSON ANSWER TOLD

The first two are files of code. TOLD becomes what was shown; the exit status is that of the check.
"""

import json
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

CHECK = 'from course.exercises import check\ncheck("01.1")'

lesson, answer, told = map(Path, sys.argv[1:])
shell = InteractiveShell.instance()
shell.user_ns["get_ipython"] = lambda: shell
shell.run_cell(lesson.read_text())
with capture_output() as shown:
    shell.run_cell(answer.read_text())
    done = shell.run_cell(CHECK)
outputs = [each.metadata or {} for each in shown.outputs]
told.write_text(json.dumps({"text": shown.stdout + shown.stderr, "metadata": outputs}))
sys.exit(not done.success)
