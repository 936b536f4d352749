"""Invocations of deployed functions, in pools of sandboxes."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Configuration:
    """All that a sandbox was started with. Where it differs from what is deployed now, the sandbox is retired."""

    arn: str
    version: str
    code_sha256: str
    layers: tuple[str, ...]
    handler: str
    timeout_seconds: int
    memory_mb: int
    environment: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, function: LambdaFunction) -> Configuration:
        """Read what is deployed."""
        return cls(
            arn=function.function_arn,
            version=logs.version(function),
            code_sha256=function.code_sha_256,
            layers=tuple(layer["Arn"] for layer in function.layers),
            handler=function.handler or "",
            timeout_seconds=int(function.timeout),
            memory_mb=int(function.memory_size),
            environment=tuple(sorted(function.environment_vars.items())),
        )


class Functions:
    """Runs invocations and keeps the sandboxes."""

    def __init__(self, runtime: Runtime, endpoint: str, folder: Path) -> None:
        self._runtime = runtime
        self._endpoint = endpoint
        self._folder = folder
        self._packages = Packages(folder / "code")
        self._lock = threading.Lock()
        self._idle: list[tuple[Configuration, Sandbox]] = []
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
    def is_deployed(function: LambdaFunction) -> bool:
        """Tell whether a function, as it is now or was before, has not been deleted."""
        try:
            Functions.find(function.account_id, function.region, function.function_name)
        except Refusal:
            return False
        return True

    def invoke(self, function: LambdaFunction, payload: bytes) -> Outcome:
        """Run one invocation in a warm or a new sandbox, write its log, and give what came out.

        Raises ``Refusal``: TooManyRequestsException above the function's reserved concurrency.
        """
        configuration = Configuration.of(function)
        with self._place(function):
            sandbox = self._take_idle(configuration)
            try:
                if sandbox is None:
                    sandbox = self._start(function, configuration)
                outcome = sandbox.invoke(payload, configuration.timeout_seconds)
            except SandboxStopped as stopped:
                raise Refusal(500, "ServiceException", str(stopped)) from stopped
            try:
                if self.is_deployed(function):  # or its log group, deleted with it, would be there again
                    logs.write(function, sandbox.log_stream, outcome.lines)
            finally:
                if outcome.reusable:
                    self._put_idle(configuration, sandbox)
                else:
                    self._discard(sandbox)
        return outcome

    def retire_outdated(self) -> None:
        """Stop idle sandboxes whose function was changed or deleted; a busy one is stopped when it is done."""
        with self._lock:
            outdated = [pair for pair in self._idle if not _is_deployed(pair[0])]
            self._idle = [pair for pair in self._idle if pair not in outdated]
        for _, sandbox in outdated:
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

    def _take_idle(self, configuration: Configuration) -> Sandbox | None:
        """Take the sandbox used last, as Lambda does; one whose emulator died while idle is dropped."""
        while True:
            with self._lock:
                found = next((pair for pair in reversed(self._idle) if pair[0] == configuration), None)
                if found is None:
                    return None
                self._idle.remove(found)
            if found[1].alive():
                return found[1]
            self._discard(found[1])

    def _put_idle(self, configuration: Configuration, sandbox: Sandbox) -> None:
        with self._lock:
            if not self._closed and _is_deployed(configuration):
                self._idle.append((configuration, sandbox))
                return
        self._discard(sandbox)

    def _discard(self, sandbox: Sandbox) -> None:
        sandbox.stop()
        with self._lock:
            self._all.discard(sandbox)

    def _start(self, function: LambdaFunction, configuration: Configuration) -> Sandbox:
        root, layers = self._packages.task_root(function), self._packages.layers(function)
        sandbox = Sandbox(logs.new_stream(function))
        with self._lock:
            if self._closed:
                raise SandboxStopped("The embedded AWS is shutting down.")
            self._all.add(sandbox)
            surplus = self._idle.pop(0)[1] if self._idle and len(self._all) > SANDBOXES else None
        if surplus is not None:
            self._discard(surplus)
        environment = self._environment(function, configuration, sandbox, root, layers)
        try:
            sandbox.start(self._runtime, configuration.handler, root, environment)
        except SandboxStopped:
            self._discard(sandbox)
            raise
        return sandbox

    def _environment(
        self, function: LambdaFunction, configuration: Configuration, sandbox: Sandbox, root: Path, layers: list[Path]
    ) -> dict[str, str]:
        """Give what Lambda sets (developer guide, "Using Lambda environment variables"), and nothing of this process.

        Three are other than on AWS: the endpoint of this AWS, ``PYTHONPATH`` for what lies in ``/opt/python`` there,
        and ``TMPDIR`` for the sandbox's own ``/tmp``.
        """
        python, session = self._runtime.version, permissions.of_function(function)
        search = [str(layer / part) for layer in layers for part in ("python", f"python/lib/{python}/site-packages")]
        temporary = tempfile.mkdtemp(dir=_made(self._folder / "tmp"))
        return {
            "PATH": os.defpath.strip(":"),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(search),
            "TMPDIR": temporary,
            **dict(configuration.environment),  # what comes after it is reserved: a function cannot set it
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ACCESS_KEY_ID": session.access_key_id if session else "ASIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key
            if session
            else "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_SESSION_TOKEN": session.session_token if session else "local",
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(configuration.timeout_seconds),  # the emulator's own; it enforces it
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": logs.group(function),
            "AWS_LAMBDA_LOG_STREAM_NAME": sandbox.log_stream,
            "LAMBDA_TASK_ROOT": str(root),
        }


def _is_deployed(configuration: Configuration) -> bool:
    """Tell whether a function is still deployed as its sandbox has it."""
    _, _, _, region, account, _, name, *_ = configuration.arn.split(":")
    qualifier = None if configuration.version == "$LATEST" else configuration.version
    try:
        return Configuration.of(Functions.find(account, region, name, qualifier)) == configuration
    except Refusal:
        return False


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
