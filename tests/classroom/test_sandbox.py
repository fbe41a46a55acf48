"""A sandbox answers as much as a message may hold without delay, and keeps no grader longer than its limits say."""

import os
import threading
import time

import pytest

from course.catalog import find
from course.classroom import key, sandbox
from course.classroom.sandbox import Limits, Sandbox

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)
TEXT = find("16").exercises["16.1"]
KEY = key.ExerciseKey(TEXT, "", key.OUTSIDE, 5)
SLEEPS = "import time\n\n\ndef product_intensity({}):\n    time.sleep(1.2)\n    return {}"


def judged(answer, limits):
    """How an answer is judged, and the seconds that this takes."""
    with key.Serving(lambda: Sandbox(limits)) as serving:
        ready = serving.sandbox(key.OUTSIDE)
        start = time.monotonic()
        return key.judge(KEY, ready, answer, []), time.monotonic() - start


def test_a_large_message_is_read_in_a_time_that_grows_as_it_does():
    content = bytes(48 << 20)
    served = Sandbox(Limits())
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as file, os.fdopen(readable, "rb") as stream, served:
        served._process.stdout.close()
        served._process.stdout = stream
        writer = threading.Thread(target=lambda: (file.write(content), file.flush()))
        writer.start()
        served._allowed = 600
        start = time.thread_time()
        assert served._receive(len(content), time.monotonic() + 600) == content
        assert time.thread_time() - start < 2
        writer.join()


def test_an_answer_whose_calls_each_take_their_time_is_stopped_in_all():
    slow = f"import time\n\n{TEXT.solution}".replace(
        "    return", "    time.sleep(1.2)\n    return"
    )
    found, seconds = judged(slow, Limits(answer=4))
    assert found.verdict.outcome == "broken"
    assert found.verdict.hints == (
        "Your answer was stopped: its calls took longer than 4 s in all",
    )
    assert seconds < 30


def test_a_wrong_answer_whose_calls_each_take_their_time_stays_wrong():
    found, seconds = judged(SLEEPS.format("*_", 0), Limits(answer=4))
    assert found.verdict.outcome == "wrong"
    assert seconds < 30


def test_the_time_for_all_calls_is_not_counted_where_it_is_lifted():
    with Sandbox(Limits(answer=0), lifted={"time"}) as served:
        ask = served.answering()
        assert ask({"do": "nothing"})["raised"]["classes"][0] == "KeyError"
