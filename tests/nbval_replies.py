"""A pytest plugin that fails a notebook's cell when the kernel refuses it in its reply only (`python -m tests`).

nbval reads outputs alone. So it passes a cell with an unknown magic whose outputs are not compared, though nothing ran.
"""

from unittest.mock import patch

import pytest
from nbval.plugin import IPyNbCell


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if not isinstance(item, IPyNbCell):
        return (yield)
    kernel = item.parent.kernel
    replies = []
    receive = kernel.get_message

    def get_message(stream, timeout=None):
        message = receive(stream=stream, timeout=timeout)
        if stream == "shell":
            replies.append(message["content"])
        return message

    with patch.object(kernel, "get_message", get_message):
        result = yield
    for reply in replies:
        if reply["status"] != "ok" and not item.options["check_exception"]:
            item.raise_cell_error(f"Refused by the kernel: {reply['ename']}: {reply['evalue']}")
    return result
