"""The Amazon States Language: moto's interpreter, with what AWS does besides or refuses.

A Distributed Map starts a real execution for each item (`DistributedMap`). What AWS documents of it only in part is so
here: without the right to start executions it fails with ``States.Permissions``; a child that somebody stopped is no
failure, and null in the result; no child starts after the one that ends the Map Run. No payload exceeds 256 KiB, also
what a task is given and what a Map makes (Step Functions developer guide, "Service quotas"); sizes are counted as moto
does, spaces and escapes included, so a payload just under the limit may be refused here. ``States.ALL`` catches neither
``States.DataLimitExceeded`` nor ``States.Runtime`` ("Handling errors in Step Functions workflows").

A JSONPath is parsed once and not, as in moto, with every use: that took a third of an execution's time.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, cast

from moto.stepfunctions.parser.api import HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common import parargs
from moto.stepfunctions.parser.asl.component.common.catch.catcher_decl import CatcherDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.payload.payloadvalue.payloadtmpl.payload_tmpl import PayloadTmpl
from moto.stepfunctions.parser.asl.component.common.retry.retrier_decl import RetrierDecl
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap
from moto.stepfunctions.parser.asl.component.state.state_type import StateType
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.quotas import is_within_size_quota

from local.aws import permissions

LOOK_SECONDS = 0.1  # how late a Map Run notices that its execution was stopped or has timed out
CHILDREN = 100  # what one machine carries of them at a time; without MaxConcurrency it is 10,000 on AWS

EXCEEDED = StatesErrorNameType.StatesExceedToleratedFailureThreshold
EXCEEDED_CAUSE = "The specified tolerated failure threshold was exceeded"
TOO_LARGE, RUNTIME = StatesErrorNameType.StatesStatesDataLimitExceeded, StatesErrorNameType.StatesRuntime
NOT_CAUGHT_BY_ALL = [StatesErrorName(TOO_LARGE), StatesErrorName(RUNTIME)]

for module in (json_path, result_path):
    module.parse = cache(module.parse)  # type: ignore[attr-defined]


@cache
def parse(definition: str) -> Program:
    """Make a program of a definition; raises whatever moto's parser runs into."""
    _, tree = AmazonStateLanguageParser.parse(definition)
    program: Program = Reader().visit(tree)
    return program


def validation_of(definition: str) -> dict[str, Any]:
    """Answer ValidateStateMachineDefinition: moto's parser judges, for what it cannot parse cannot run here."""
    try:
        parse(definition)
    except Exception as reason:  # noqa: BLE001 - the parser raises whatever its grammar runs into
        diagnostic = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": str(reason), "location": "/"}
        return {"result": "FAIL", "diagnostics": [diagnostic], "truncated": False}
    return {"result": "OK", "diagnostics": [], "truncated": False}


class Reader(Preprocessor):
    """moto's reader of a syntax tree, with this module's components."""

    def visitRetrier_decl(self, ctx: Any) -> RetrierDecl:  # noqa: N802 - moto's names
        """Read an element of a Retry."""
        made = super().visitRetrier_decl(ctx)
        made.error_equals = ErrorEquals(made.error_equals.error_names)  # type: ignore[misc]
        return made

    def visitCatcher_decl(self, ctx: Any) -> CatcherDecl:  # noqa: N802
        """Read an element of a Catch."""
        made = super().visitCatcher_decl(ctx)
        made.error_equals = ErrorEquals(made.error_equals.error_names)  # type: ignore[misc]
        return made

    def visitParameters_decl(self, ctx: Any) -> parargs.Parameters:  # noqa: N802
        """Read what a state makes of its input."""
        return Parameters(cast(PayloadTmpl, super().visitParameters_decl(ctx).template_eval_component))

    @staticmethod
    def _common_state_field_of(state_props: Any) -> Any:
        if state_props.get(StateType) != StateType.Map:
            return Preprocessor._common_state_field_of(state_props)
        state = Map()  # type: ignore[no-untyped-call]
        state.from_state_props(state_props)
        return state


class ErrorEquals(ErrorEqualsDecl):
    """Errors to retry or to catch; two must be named."""

    def _eval_body(self, env: Environment) -> None:
        if env.stack[-1] in NOT_CAUGHT_BY_ALL:
            env.stack.append(env.stack.pop() in self.error_names)
        else:
            super()._eval_body(env)


class Parameters(parargs.Parameters):
    """The input of a task, within the limit."""

    def _eval_body(self, env: Environment) -> None:
        super()._eval_body(env)
        _check_size(env, "input of the state")


class Map(StateMap):
    """A Map whose result is within the limit before anything is selected from it."""

    def from_state_props(self, state_props: Any) -> None:
        """Read the state's fields."""
        super().from_state_props(state_props)
        if isinstance(self.iteration_component, distributed_item_processor.DistributedItemProcessor):
            self.iteration_component = DistributedMap(self.iteration_component)

    def _eval_execution(self, env: Environment) -> None:
        super()._eval_execution(env)
        _check_size(env, "result of the Map")


class DistributedMap(distributed_item_processor.DistributedItemProcessor):
    """Starts a child execution for each item, in order, and ends with them.

    The first child that fails or times out, or the one after ToleratedFailureCount, ends the Map Run (Step Functions
    developer guide, "Setting failure thresholds for Distributed Map states"); what still runs is stopped.
    """

    def __init__(self, made: distributed_item_processor.DistributedItemProcessor) -> None:
        vars(self).update(vars(made))
        self._program = made._get_iteration_program()

    def _eval_body(self, env: Environment) -> None:
        asked = env.stack.pop()
        if asked.item_reader or asked.tolerated_failure_percentage:
            raise NotImplementedError("ItemReader and ToleratedFailurePercentage are not emulated.")
        machine_arn = env.states.context_object.context_object_data["StateMachine"]["Id"]
        role_arn = env.aws_execution_details.role_arn
        if not permissions.allowed(role_arn, "states:StartExecution", machine_arn):
            cause = f"{role_arn} is not authorized to perform: states:StartExecution on resource: {machine_arn}"
            raise _failure(env, StatesErrorNameType.StatesPermissions, cause)
        run = asked.map_run_record
        _tell(env, HistoryEventType.MapRunStarted, mapRunStartedEventDetails={"mapRunArn": run.map_run_arn})
        _, _, _, region, account, *_ = machine_arn.split(":")
        backend: Any = stepfunctions_parser_backends[account][region]
        children = backend.open_map_run(run.map_run_arn)
        status = self._run(env, asked, partial(backend.start_child, run, machine_arn, self._program))
        run.set_stop(status)
        if status is MapRunStatus.SUCCEEDED:
            _tell(env, HistoryEventType.MapRunSucceeded)
            env.stack.append([child.output for child in children])
            return
        if status is MapRunStatus.FAILED:
            failed = {"error": EXCEEDED.to_name(), "cause": EXCEEDED_CAUSE}
            _tell(env, HistoryEventType.MapRunFailed, mapRunFailedEventDetails=failed)
            raise _failure(env, EXCEEDED, EXCEEDED_CAUSE, HistoryEventType.MapRunFailed)
        _tell(env, HistoryEventType.MapRunAborted)
        # by this type moto knows that it is no failure of the state; how the execution ends is decided already
        raise _failure(env, EXCEEDED, EXCEEDED_CAUSE, HistoryEventType.ExecutionFailed)

    def _run(self, env: Environment, asked: Any, start: Callable[..., Any]) -> MapRunStatus:
        """Keep up to MaxConcurrency children running until the last has ended or the Map Run has failed."""
        changed, ended = threading.Condition(), Counter[str]()
        inputs, running = self._inputs(env, asked), list[Any]()
        most = min(asked.max_concurrency or CHILDREN, CHILDREN)

        def wake(_: Any) -> None:
            with changed:
                changed.notify()

        try:
            with changed:
                while True:
                    statuses = [(child, child.status) for child in running]  # each read once: they change meanwhile
                    ended.update(status for _, status in statuses if status != "RUNNING")
                    running = [child for child, status in statuses if status == "RUNNING"]
                    if not env.is_running():
                        return MapRunStatus.ABORTED
                    if ended["FAILED"] + ended["TIMED_OUT"] > asked.tolerated_failure_count:
                        return MapRunStatus.FAILED
                    while len(running) < most and (given := next(inputs, inputs)) is not inputs:
                        running.append(start(given, wake))
                    if not running:
                        return MapRunStatus.SUCCEEDED
                    changed.wait(LOOK_SECONDS)
        finally:
            for child in running:
                permissions.note(env.aws_execution_details.role_arn, "states:StopExecution", child.exec_arn)
                child.stop(datetime.now(UTC), None, None)

    def _inputs(self, env: Environment, asked: Any) -> Iterator[Any]:
        """Give each child's input; raises where one is too large."""
        selector, state_input = asked.item_selector or asked.parameters, env.stack[-1]
        frame = env.open_inner_frame()
        for index, item in enumerate(asked.input_items):
            given = item
            if selector:
                frame.states.context_object.context_object_data["Map"] = MapData(Item=ItemData(Index=index, Value=item))
                frame.stack = [state_input]
                selector.eval(frame)
                given = frame.stack.pop()
            if not is_within_size_quota(given):
                raise _failure(env, TOO_LARGE, f"The input of child {index} exceeds the maximum number of bytes.")
            yield given


def _check_size(env: Environment, what: str) -> None:
    if not is_within_size_quota(env.stack[-1]):
        raise _failure(env, TOO_LARGE, f"The {what} exceeds the maximum number of bytes service limit.")


def _failure(
    env: Environment, error: StatesErrorNameType, cause: str, kind: HistoryEventType = HistoryEventType.TaskFailed
) -> FailureEventException:
    details: Any = {"taskFailedEventDetails": {"error": error.to_name(), "cause": cause}}
    return FailureEventException(FailureEvent(env, StatesErrorName(error), kind, details))


def _tell(env: Environment, kind: HistoryEventType, **details: Any) -> None:
    told: Any = details
    env.event_manager.add_event(env.event_history_context, kind, told)
