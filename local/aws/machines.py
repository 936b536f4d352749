"""State machines and their executions: moto's, with children of Map Runs and an end that is decided once, and told.

moto goes on with an execution that is stopped until its running tasks have ended, and then calls one that was inside a
Map FAILED. Step Functions API reference, StopExecution and DescribeExecution: it is ABORTED, with the error and cause
of the request. Children are kept, with their histories, until the server ends; no event tells of them.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from moto.core.base_backend import AccountSpecificBackend
from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.stepfunctions import exceptions
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.eval import environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import EvaluationDetails, ExecutionDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramTimedOut
from moto.stepfunctions.parser.backend import execution, execution_worker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends

from local.aws import permissions
from local.aws.events import Events
from local.aws.language import parse, validation_of
from local.aws.protocol import ACCOUNT

# API reference, StartExecution: what a name and an input may not be.
INVALID_IN_NAMES = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
LONGEST_NAME = 80
LONGEST_INPUT_BYTES = 262_144
A_PAGE = 100  # ListExecutions


class Environment(environment.Environment):
    """Where a program runs; what breaks because it was stopped or has timed out is no error of it."""

    def set_error(self, error: Any) -> None:
        """End with an error, unless it has ended."""
        if self.is_running():
            super().set_error(error)


class Worker(execution_worker.ExecutionWorker):
    """Runs a program that is there already."""

    def __init__(self, program: Program, details: EvaluationDetails, communication: Any) -> None:
        super().__init__(details, communication, None, {})
        self._program = program
        self._made = super()._get_evaluation_environment()
        self._made.__class__ = Environment
        self.env = self._made  # moto makes it in its thread, and asks for it from others

    def _get_evaluation_entrypoint(self) -> Program:
        return self._program

    def _get_evaluation_environment(self) -> environment.Environment:
        return self._made

    def stop(self, stop_date: datetime, error: str | None, cause: str | None) -> None:
        """Stop it; one that is about to begin would not hear."""
        while self._made.program_state() is None:
            time.sleep(0.001)
        super().stop(stop_date, error, cause)


class Communication(execution.BaseExecutionWorkerCommunication):
    """Takes over how a program has ended."""

    execution: Execution

    def terminated(self) -> None:
        """End the execution as its program."""
        env: environment.Environment = self.execution.exec_worker.env  # type: ignore[union-attr, assignment]
        match env.program_state():
            case ProgramEnded():
                self.execution.end(ExecutionStatus.SUCCEEDED, output=env.states.get_input())
            case ProgramTimedOut():
                self.execution.end(ExecutionStatus.TIMED_OUT)
            case ProgramError(error=error):
                told = error or {}
                self.execution.end(ExecutionStatus.FAILED, error=told.get("error"), cause=told.get("cause"))


class Execution(execution.Execution):
    """An execution; ``on_change`` is called with one whose status has changed.

    Attributes
    ----------
    map_run_arn
        Of the Map Run it is a child of, or None.
    """

    def __init__(
        self,
        program: Program,
        machine: Any,
        name: str,
        text: str,
        on_change: Callable[[Execution], None],
        map_run_arn: str | None = None,
    ) -> None:
        _, _, _, region, account, *_ = machine.arn.split(":")
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{name}"
        kind, now = machine.sm_type, datetime.now(UTC)
        super().__init__(name, kind, machine.roleArn, arn, account, region, machine, now, None, {}, text)
        self.map_run_arn = map_run_arn
        self._on_change = on_change
        self._program, self._ending = program, threading.Lock()

    def start(self) -> None:
        """Start it."""
        with self._ending:  # it is told of before its end is
            super().start()
            self._on_change(self)

    def end(
        self, status: ExecutionStatus, *, output: Any = None, error: str | None = None, cause: str | None = None
    ) -> bool:
        """Fix how it has ended; tells whether it had not before."""
        with self._ending:
            if self.exec_status is not ExecutionStatus.RUNNING:
                return False
            self.stop_date, self.output, self.error, self.cause = datetime.now(UTC), output, error, cause
            self.exec_status = status  # last, for it is looked at first
        self._on_change(self)
        return True

    def stop(self, stop_date: datetime, error: str | None, cause: str | None) -> None:
        """End it as ABORTED at once, whatever its tasks still do."""
        if self.end(ExecutionStatus.ABORTED, error=error, cause=cause):
            super().stop(stop_date, error, cause)

    def describe(self) -> dict[str, Any]:
        """Give what DescribeExecution answers; moto's has no end of one that timed out."""
        return _plain({**self.to_describe_output(), "mapRunArn": self.map_run_arn})

    def event(self) -> dict[str, Any]:
        """Give the detail of the event of its status (developer guide, "Automating ... delivery with EventBridge")."""
        told: dict[str, Any] = {"stopDate": None, "output": None, "error": None, "cause": None, **self.describe()}
        return told | {name: int(told[name] * 1000) for name in ("startDate", "stopDate") if told[name] is not None}

    def get_start_execution_details(self) -> ExecutionDetails:
        """Give what its context object holds: a time in words, and not as Python's object."""
        start = iso_8601_datetime_with_milliseconds(self.start_date)
        return ExecutionDetails(self.exec_arn, self.name, self.role_arn, self.input_data, start)

    def _get_start_execution_worker(self) -> Worker:
        details = EvaluationDetails(
            self._get_start_aws_execution_details(),
            self.get_start_execution_details(),
            self.get_start_state_machine_details(),
        )
        return Worker(self._program, details, Communication(self))


class Backend(StepFunctionsParserBackend):
    """moto's backend, which also knows children, and puts events on the bus."""

    events: Events

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._children: dict[str, Execution] = {}
        self._map_runs: dict[str, list[Execution]] = {}
        self._starting = threading.Lock()

    def start_execution(  # type: ignore[override]
        self, state_machine_arn: str, name: str | None = None, execution_input: str | None = "{}", _: Any = None
    ) -> Execution:
        """Start one of a deployed machine; raises ``InvalidName`` or ``ValidationException``.

        moto keeps AWS's rule: a running execution's name with the same input is that execution again, any other use of
        the name ExecutionAlreadyExists. Of two at once it is not sure.
        """
        machine, text, name = self.describe_state_machine(state_machine_arn), execution_input or "{}", name or _random()
        if len(name) > LONGEST_NAME or INVALID_IN_NAMES.search(name):
            raise exceptions.InvalidName(f"Invalid Name: '{name}'")
        if len(text.encode()) > LONGEST_INPUT_BYTES:
            constraint = f"Member must have length less than or equal to {LONGEST_INPUT_BYTES}"
            message = f"1 validation error detected: Value at 'input' failed to satisfy constraint: {constraint}"
            raise exceptions.ValidationException(message)
        machine._validate_execution_input(text)
        with self._starting:
            if existing := machine._handle_name_input_idempotency(name, text):
                return existing  # type: ignore[return-value]
            snapshot = copy.copy(machine)  # a change sets new values
            started = Execution(parse(machine.definition), snapshot, name, text, self._tell)
            _assume(machine)
            machine.executions.append(started)  # type: ignore[arg-type]
            started.start()
        return started

    def _tell(self, execution: Execution) -> None:
        kind = "Step Functions Execution Status Change"
        self.events.put(execution.exec_arn, "aws.states", kind, execution.event())

    def open_map_run(self, map_run_arn: str) -> list[Execution]:
        """Give the list that a Map Run's children will be in."""
        return self._map_runs.setdefault(map_run_arn, [])

    def start_child(
        self, run: Any, machine_arn: str, program: Program, given: Any, on_change: Callable[[Execution], None]
    ) -> Execution:
        """Start a child of a Map Run; ``on_change`` is called when it has started, and when it has ended."""
        machine = copy.copy(self.describe_state_machine(machine_arn))
        machine.arn = run.map_state_machine_arn
        child = Execution(program, machine, _random(), json.dumps(given), on_change, run.map_run_arn)
        _assume(machine)
        self._children[child.exec_arn] = child
        self._map_runs[run.map_run_arn].append(child)
        child.start()
        return child

    def describe_execution(self, execution_arn: str) -> Any:
        """Find an execution or a child."""
        return self._children.get(execution_arn) or super().describe_execution(execution_arn)

    def stop_execution(self, execution_arn: str, error: str | None = None, cause: str | None = None) -> Any:
        """Stop an execution or a child."""
        found = self.describe_execution(execution_arn)
        found.stop(datetime.now(UTC), error, cause)
        return found

    def list_children(self, map_run_arn: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Answer ListExecutions of a Map Run, newest first."""
        if map_run_arn not in self._map_runs:
            raise exceptions.ResourceNotFound(map_run_arn)
        first, status = int(asked.get("nextToken") or 0), asked.get("statusFilter")
        last = first + (asked.get("maxResults") or A_PAGE)
        kept = [child for child in reversed(self._map_runs[map_run_arn]) if status in {None, child.status}]
        told = [_plain({**child.to_execution_list_item(), "mapRunArn": map_run_arn}) for child in kept[first:last]]
        return {"executions": told, **({"nextToken": str(last)} if len(kept) > last else {})}

    def describe_map_run(self, map_run_arn: str) -> dict[str, Any]:
        """Describe a Map Run; its items are its children, and how many are pending is not counted."""
        described = super().describe_map_run(map_run_arn)
        found = Counter(child.status for child in self._map_runs[map_run_arn])
        counted = {"total": found.total(), "timedOut": found["TIMED_OUT"]}
        counted |= {name: found[name.upper()] for name in ("running", "succeeded", "failed", "aborted")}
        for counts in ("itemCounts", "executionCounts"):
            described[counts] |= counted
        return described


def use(events: Events) -> None:
    """Have moto work so in this process."""
    Backend.events = events
    stepfunctions_parser_backends[ACCOUNT] = AccountSpecificBackend("stepfunctions", ACCOUNT, Backend, True, None)


def answer(operation: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Answer a request; None where moto does."""
    match operation:
        case "DescribeExecution":
            arn = asked["executionArn"]
            return dict(_backend(arn).describe_execution(arn).describe())
        case "StopExecution":
            given = asked["executionArn"], asked.get("error"), asked.get("cause")
            return {"stopDate": _backend(given[0]).stop_execution(*given).stop_date.timestamp()}
        case "ListExecutions" if run := asked.get("mapRunArn"):
            return _backend(run).list_children(run, asked)
        case "ListStateMachineVersions":
            return {"stateMachineVersions": []}
        case "ValidateStateMachineDefinition":
            return validation_of(asked["definition"])
    return None


def _backend(arn: str) -> Backend:
    _, _, _, region, account, *_ = arn.split(":")
    return cast(Backend, stepfunctions_parser_backends[account][region])


def _random() -> str:
    return str(uuid.uuid4())


def _assume(machine: Any) -> None:
    """Take the machine's role, as Step Functions does; a child's machine is called after the Map's label."""
    source = {"aws__SourceAccount": machine.arn.split(":")[4], "aws__SourceArn": machine.arn}
    permissions.note("states.amazonaws.com", "sts:AssumeRole", machine.roleArn, **source)


def _plain(told: dict[str, Any]) -> dict[str, Any]:
    plain = {key: value.timestamp() if isinstance(value, datetime) else value for key, value in told.items()}
    return {key: value for key, value in plain.items() if value is not None}
