"""Runs that a command asks for: shown while they go on, stopped in good order, told of when they fail."""

import contextlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer


def execute(planned: list, out: Path, *, again: Path | None = None, **how: Any) -> list:
    """Run of what is `planned` all that is not done yet in folder `out`, and return the records of all.

    Shows how the runs get on, and stops in good order; `again` is the command's --out where `out` is a folder in it;
    `how` is for `cluster.execute`.
    """
    from course.cli import terminal
    from course.runs import plan

    left = [job for job in planned if not plan.finished(job, out)]
    if len(left) < len(planned):
        print(
            f"{len(planned)} runs, {len(planned) - len(left)} of them done before", file=sys.stderr
        )
    with terminal.stoppable(out), terminal.progress(len(left)) as progress:
        # Dask takes seconds to import, and what is refused should not wait for it.
        from course.runs import cluster

        with goes_on(again or out):
            cluster.execute(left, out=out, progress=progress, **how)
    return plan.recorded(planned, out)


@contextlib.contextmanager
def goes_on(out: Path) -> Iterator[None]:
    """Where a cluster is lost in the block, say how to go on, and end with status 1."""
    try:
        yield
    except ConnectionError as loss:
        cluster = sys.modules.get("course.runs.cluster")
        if not cluster or not isinstance(loss, cluster.ClusterLost):
            raise
        again = f"the same command with --out {out} goes on from there"
        print(f"Error: {loss}; {again}", file=sys.stderr)
        raise typer.Exit(1) from loss


def finish(records: list, out: Path, refusals: Iterable[str] = ()) -> None:
    """Say what failed, and what the course promises otherwise; then end with status 1."""
    from course.cli import terminal

    terminal.failures(records, out)
    refused = list(refusals)
    for line in refused:
        print(f"The course promises otherwise: {line}", file=sys.stderr)
    if refused or any(record.outcome != "passed" for record in records):
        raise typer.Exit(1)
