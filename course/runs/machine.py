"""How long this machine's processors worked for a kernel."""

import contextlib


def processor_seconds(process: int) -> float:
    """Return the seconds that processors worked for process number `process` and all that it started."""
    import psutil

    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(
                    each.cpu_times()[:4]
                )  # its own and those of its ended children, as user and as system
    return total
