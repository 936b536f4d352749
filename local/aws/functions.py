"""Invocations of deployed functions, in pools of sandboxes."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction, lambda_backends

from local.aws import logs, permissions
from local.aws.errors import Refusal, throttled, unknown_function
from local.aws.package import Packages
from local.aws.runtime import Runtime
from local.aws.sandbox import Outcome, Sandbox, SandboxStopped

# What one machine carries, each being a Python process; more invocations than that wait. On AWS the account's limit
# (1,000, or 10 in a new account) throttles instead.
SANDBOXES = 40


class Functions:
    """Runs invocations and keeps the sandboxes.

    A sandbox is kept with its function and with what that was configured as, ``repr`` of it: it is retired where that
    differs from what is deployed now.
    """

    def __init__(self, runtime: Runtime, endpoint: str, folder: Path) -> None:
        self._runtime = runtime
        self._endpoint = endpoint
        self._packages = Packages(folder / "code")
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._lock = threading.Lock()
        self._idle: list[tuple[str, LambdaFunction, Sandbox]] = []
        self._all: set[Sandbox] = set()
        self._busy: Counter[str] = Counter()
        self._slots = threading.Semaphore(SANDBOXES)
        self._closed = False

    @staticmethod
    def find(account: str, region: str, name: str, qualifier: str | None = None) -> LambdaFunction:
        """Find a deployed function by name or ARN; raises ``Refusal``: ResourceNotFoundException."""
        try:
            return lambda_backends[account][region].get_function(name, qualifier)
        except LambdaClientError:
            raise unknown_function(name) from None

    @staticmethod
    def is_deployed(function: LambdaFunction, configured: str = "") -> bool:
        """Tell whether a function has not been deleted, and is still configured so, where that is asked."""
        try:
            found = Functions.find(function.account_id, function.region, function.function_arn)
        except Refusal:
            return False
        return not configured or repr(found) == configured

    def invoke(self, function: LambdaFunction, payload: bytes) -> Outcome:
        """Run one invocation in a warm or a new sandbox, write its log, and give what came out.

        Raises ``Refusal``: TooManyRequestsException above the function's reserved concurrency.
        """
        configured = repr(function)
        with self._place(function):
            sandbox = self._take_idle(configured)
            try:
                if sandbox is None:
                    sandbox = self._start(function)
                outcome = sandbox.invoke(payload, float(function.timeout))
            except SandboxStopped as stopped:
                raise Refusal(500, "ServiceException", str(stopped)) from stopped
            try:
                if self.is_deployed(function):  # or its log group, deleted with it, would be there again
                    logs.write(function, sandbox.log_stream, outcome.lines)
            finally:
                if outcome.reusable:
                    self._put_idle(configured, function, sandbox)
                else:
                    self._discard(sandbox)
        return outcome

    def retire_outdated(self) -> None:
        """Stop idle sandboxes whose function was changed or deleted; a busy one is stopped when it is done."""
        with self._lock:
            outdated = [each for each in self._idle if not self.is_deployed(each[1], each[0])]
            self._idle = [each for each in self._idle if each not in outdated]
        for _, _, sandbox in outdated:
            self._discard(sandbox)

    def close(self) -> None:
        """Stop every sandbox; nothing starts afterwards."""
        with self._lock:
            self._closed = True
            sandboxes = list(self._all)
        if sandboxes:
            with ThreadPoolExecutor(len(sandboxes)) as together:
                list(together.map(Sandbox.stop, sandboxes))

    @contextlib.contextmanager
    def _place(self, function: LambdaFunction) -> Iterator[None]:
        """Hold a place among the function's reserved ones (Lambda developer guide, "Configuring reserved concurrency").

        Where none are reserved, or one is free, wait until this machine has room.
        """
        reserved = function.reserved_concurrency
        with self._lock:
            if reserved is not None and self._busy[function.function_arn] >= int(reserved):
                raise throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            self._busy[function.function_arn] += 1
        try:
            with self._slots:
                yield
        finally:
            with self._lock:
                self._busy[function.function_arn] -= 1

    def _take_idle(self, configured: str) -> Sandbox | None:
        """Take the sandbox used last, as Lambda does; one whose emulator died while idle is dropped."""
        while True:
            with self._lock:
                found = next((each for each in reversed(self._idle) if each[0] == configured), None)
                if found is None:
                    return None
                self._idle.remove(found)
            if found[2].alive():
                return found[2]
            self._discard(found[2])

    def _put_idle(self, configured: str, function: LambdaFunction, sandbox: Sandbox) -> None:
        with self._lock:
            if not self._closed and self.is_deployed(function, configured):
                self._idle.append((configured, function, sandbox))
                return
        self._discard(sandbox)

    def _discard(self, sandbox: Sandbox) -> None:
        sandbox.stop()
        with self._lock:
            self._all.discard(sandbox)

    def _start(self, function: LambdaFunction) -> Sandbox:
        environment = self._environment(function)
        sandbox = Sandbox(environment["AWS_LAMBDA_LOG_STREAM_NAME"])
        with self._lock:
            if self._closed:
                raise SandboxStopped("The embedded AWS is shutting down.")
            self._all.add(sandbox)
            surplus = self._idle.pop(0)[2] if self._idle and len(self._all) > SANDBOXES else None
        if surplus is not None:
            self._discard(surplus)
        try:
            sandbox.start(self._runtime, function.handler or "", Path(environment["LAMBDA_TASK_ROOT"]), environment)
        except SandboxStopped:
            self._discard(sandbox)
            raise
        return sandbox

    def _environment(self, function: LambdaFunction) -> dict[str, str]:
        """Give what Lambda sets (developer guide, "Using Lambda environment variables"), and nothing of this process.

        Three are other than on AWS: the endpoint of this AWS, ``PYTHONPATH`` for what lies in ``/opt/python`` there,
        and ``TMPDIR`` for the sandbox's own ``/tmp``.
        """
        python, session, layers = (
            self._runtime.version,
            permissions.of_function(function),
            self._packages.layers(function),
        )
        search = [str(layer / part) for layer in layers for part in ("python", f"python/lib/{python}/site-packages")]
        return {
            "PATH": os.defpath.strip(":"),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(search),
            "TMPDIR": tempfile.mkdtemp(dir=self._temporary),
            **function.environment_vars,  # what comes after it is reserved: a function cannot set it
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),  # the emulator's own; it enforces it
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": logs.new_stream(function),
            "LAMBDA_TASK_ROOT": str(self._packages.task_root(function)),
        }
