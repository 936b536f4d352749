"""One sandbox: AWS's runtime interface emulator with one runtime process, serving one invocation at a time."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.aws.runtime import Runtime

# The emulator's own diary, which a function's log group on AWS does not have.
EMULATORS_OWN_LINE = re.compile(r"^\d\d \w{3} \d{4} \d\d:\d\d:\d\d,\d{3} \[\w+\] \(rapid\)")
TIMED_OUT = re.compile(r"Task timed out after \d+\.\d\d seconds")
INVOCATION_PATH = "/2015-03-31/functions/function/invocations"
PORT, API_PORT = 8080, 9001
INIT_SECONDS = 30.0  # for the emulator to come up. It counts a cold start against the function's timeout; AWS does not


class SandboxStopped(Exception):
    """The sandbox was stopped or could not be started."""


@dataclass(frozen=True)
class Outcome:
    """What one invocation gave.

    ``error`` is true where Lambda would set ``X-Amz-Function-Error``; ``reusable`` is false where the runtime
    process is gone or in doubt; ``lines`` are (milliseconds since the epoch, text) of stdout and stderr.
    """

    payload: bytes
    error: bool
    reusable: bool
    request_id: str
    lines: list[tuple[int, str]]


class Sandbox:
    """A running emulator, its runtime process and what they print."""

    def __init__(self, log_stream: str) -> None:
        self.log_stream = log_stream
        self._lock = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen[str] | None = None
        self._address = _address()
        self._printed = threading.Condition()
        self._lines: list[tuple[int, str]] = []

    def start(self, runtime: Runtime, handler: str, folder: Path, environment: Mapping[str, str]) -> None:
        """Start the emulator in the function's folder; its runtime process starts with the first invocation.

        Raises ``SandboxStopped``: it was stopped meanwhile, or did not come up.
        """
        with self._lock:
            if self._stopped:
                raise SandboxStopped("The embedded AWS is shutting down.")
            self._process = process = subprocess.Popen(
                [*_command(runtime, self._address), handler],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # a Ctrl-C in the terminal reaches the embedded AWS alone, which stops it
            )
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        if not self._wait_until_it_listens(process):
            self.stop()
            raise SandboxStopped(f"The runtime interface emulator did not start: {self._take_lines()[-5:]}")

    def alive(self) -> bool:
        """Tell whether the emulator is still running, and its runtime process, which no invocation has had to start."""
        return self._process is not None and self._process.poll() is None and _has_living_child(self._process.pid)

    def invoke(self, payload: bytes, timeout_seconds: float) -> Outcome:
        """Run one invocation to its end; never raises, whatever becomes of the runtime.

        The emulator's answers, found by running it (1.170.0 of aws-sam-cli): 200 with the function's payload, also
        for an exception of the function; 200 with a plain text when it timed out; 502 when the runtime process is gone,
        with the function's payload where it had answered before.
        """
        try:
            status, body = self._post(payload, timeout_seconds + INIT_SECONDS)
        except (OSError, http.client.HTTPException):
            status, body = 502, b""
        timed_out = status == 200 and TIMED_OUT.fullmatch(body.decode(errors="replace"))
        if status == 200 and not timed_out:
            self._wait_for_report()
        lines = self._take_lines()
        request_id = _request_id(lines)
        if timed_out:
            lines.append((_now(), f"{request_id} {timed_out[0]}"))
            report = _failure("Sandbox.Timedout", f"RequestId: {request_id} Error: {timed_out[0]}")
            return Outcome(report, True, False, request_id, lines)
        if status == 200:
            return Outcome(body, _is_exception(body), True, request_id, lines)
        if not _keys(body) >= {"errorMessage", "errorType"}:  # not a report of what went wrong
            text = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            body = _failure("Runtime.ExitError", text)
        return Outcome(body, True, False, request_id, lines)

    def stop(self) -> None:
        """End the emulator and its runtime process; a second call does nothing."""
        with self._lock:
            self._stopped = True
            process, self._process = self._process, None
        if process is None:
            return
        process.terminate()  # the emulator then kills its runtime process
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        for pid in _of_session(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def _post(self, payload: bytes, timeout_seconds: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._address, PORT, timeout=timeout_seconds)
        with contextlib.closing(connection):
            connection.request("POST", INVOCATION_PATH, payload, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _wait_until_it_listens(self, process: subprocess.Popen[str]) -> bool:
        deadline = time.monotonic() + INIT_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection((self._address, PORT), timeout=1).close()
                return process.poll() is None
            time.sleep(0.005)
        return False

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                if EMULATORS_OWN_LINE.match(line):
                    continue
                with self._printed:
                    # without Lambda's telemetry pipe the runtime writes a multi-line message with carriage returns
                    self._lines.append((_now(), line.rstrip("\n").replace("\r", "\n")))
                    self._printed.notify_all()

    def _wait_for_report(self) -> None:
        with self._printed:
            self._printed.wait_for(lambda: any(text.startswith("REPORT ") for _, text in self._lines), timeout=1)

    def _take_lines(self) -> list[tuple[int, str]]:
        with self._printed:
            lines, self._lines = self._lines, []
        return lines


def _command(runtime: Runtime, address: str) -> list[str]:
    listen = ["--runtime-interface-emulator-address", f"{address}:{PORT}"]
    api = ["--runtime-api-address", f"{address}:{API_PORT}"]
    return [str(runtime.emulator), *listen, *api, str(runtime.python), "-m", "awslambdaric"]


def _address() -> str:
    """Draw a loopback address, which on Linux all of 127/8 are.

    The emulator cannot be given an open socket: on an address of its own its ports are free whoever else starts one.
    """
    number = (1 << 23) + secrets.randbelow(1 << 23)
    return f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _of_session(leader: int) -> list[int]:
    """List the processes of a session: the runtime process is in a group of its own, but in the emulator's session."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(_stat(entry)[3]) == leader and int(entry.name) != leader:
                found.append(int(entry.name))
    return found


def _stat(process: Path) -> list[str]:
    """Give what the system says of a process after its name: state, parent, group, session, and more."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _has_living_child(pid: int) -> bool:
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in file.read_text().split():
                if _stat(Path("/proc", child))[0] != "Z":
                    return True
    return False


def _is_exception(body: bytes) -> bool:
    """Tell an exception's report, as ``awslambdaric`` makes it, from a payload; the emulator answers 200 to both."""
    return _keys(body) == {"errorMessage", "errorType", "requestId", "stackTrace"}


def _keys(body: bytes) -> set[str]:
    """Give the keys of a JSON object; none where it is something else."""
    try:
        value = json.loads(body)
    except ValueError:
        return set()
    return set(value) if isinstance(value, dict) else set()


def _failure(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def _request_id(lines: list[tuple[int, str]]) -> str:
    starts = [text for _, text in lines if text.startswith("START RequestId: ")]
    return starts[-1].split()[2] if starts else str(uuid.uuid4())


def _now() -> int:
    return int(time.time() * 1000)
