"""What the process has imported from which `judge` forks its judges: Keras, which takes seconds to import.

Imported, not started: only a process with a single thread forks safely.
"""

import os

os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow's allocator
_nowhere = os.open(os.devnull, os.O_WRONLY)
for _stream in (1, 2):  # what C++ code prints is for nobody here
    os.dup2(_nowhere, _stream)

import keras  # noqa: E402, F401
import numpy  # noqa: E402, F401

import course.exercises  # noqa: E402, F401
