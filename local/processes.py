"""Child processes that say when they are ready and are gone when they should be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE = 120.0
"""Seconds a process gets to become ready: a second on an idle machine, and more than 30 on a busy one."""
GRACE = 10.0
"""Seconds a process gets to end by itself."""


class ProcessFailed(Exception):
    """A process ended or did not become ready; the message shows the end of its log."""


@contextmanager
def serving(module: str, arguments: Sequence[str], folder: Path) -> Iterator[dict[str, Any]]:
    """Run one of the project's servers, `python -m <module>`, for as long as the block lasts.

    Parameters
    ----------
    folder
        Where its log and its ready file go, named after the module.

    Yields
    ------
    dict
        What the server wrote into its ready file: its port and more.
    """
    name = module.rpartition(".")[2]
    ready, log = folder / f"{name}.ready.json", folder / f"{name}.log"
    command = [sys.executable, "-m", module, "--ready-file", str(ready), *arguments]
    with running(command, log) as process:
        give_up = time.monotonic() + PATIENCE
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > give_up:
                raise ProcessFailed(f"{module} did not become ready.\n{tail(log)}")
            time.sleep(0.02)
        yield json.loads(ready.read_text())


@contextmanager
def running(
    command: Sequence[str], log: Path, *, grace: float = GRACE, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """Run a command for as long as the block lasts; afterwards nothing of what it started is left.

    It gets a session of its own: a Ctrl-C at the terminal reaches only this process, which then ends its children in
    good order.

    Parameters
    ----------
    log
        File that gets its standard output and error, unless `options` say otherwise.
    grace
        Seconds it gets to end by itself once it has been asked to.
    **options
        For `subprocess.Popen`.
    """
    with log.open("a", encoding="utf-8") as output:
        where = {"stdout": output, "stderr": output} | options
        process = subprocess.Popen(command, **where, text=True, start_new_session=True)
    try:
        yield process
    finally:
        stop(process, grace)


def told_to_stop() -> threading.Event:
    """Give what SIGTERM and SIGINT set, and the end of the process that started this one, within half a second."""
    told, parent = threading.Event(), os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())

    def look() -> None:
        while not told.wait(0.5):
            if os.getppid() != parent:
                told.set()

    threading.Thread(target=look, daemon=True).start()
    return told


def announce(ready_file: Path, port: int) -> None:
    """Say that a server serves, and where; whoever finds the file can read it whole."""
    unfinished = ready_file.with_suffix(".part")
    unfinished.write_text(json.dumps({"port": port, "pid": os.getpid(), "url": f"http://127.0.0.1:{port}"}))
    unfinished.replace(ready_file)


def stop(process: subprocess.Popen[str], grace: float = GRACE) -> None:
    """End a process: ask first, insist later; whatever of its session is left then goes at once."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tail(log: Path, lines: int = 30) -> str:
    """Give the end of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
