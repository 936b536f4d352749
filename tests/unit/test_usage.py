"""How the benchmark reads what was used."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from bench.usage import BYTES_PER_EVENT, Usage, count_events, read_log


def test_a_transition_is_a_state_entered_and_every_try_after_a_tasks_first():
    usage = Usage()
    entered = {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Requeue", "input": '{"a": 1}'}}
    left = {"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Requeue", "output": "{}"}}
    tries = [{"type": kind} for kind in ("TaskScheduled", "TaskFailed", "TaskScheduled", "TaskSucceeded")]
    mapped = [{"type": "MapStateEntered"}, entered, *tries, left, {"type": "MapStateExited"}]
    events = [*mapped, {"type": "SucceedStateEntered"}]
    times = [datetime(2026, 11, 24, 2, 15, second, tzinfo=UTC) for second in range(len(events))]
    count_events(usage, [event | {"timestamp": time} for event, time in zip(events, times, strict=True)])
    assert (usage.transitions, usage.events, usage.state_bytes, usage.seconds) == (4, 9, 10, 8.0)
    assert usage.map_seconds == 7.0


def test_a_runs_own_time_is_not_that_of_a_batch():
    usage, times = Usage(), [datetime(2026, 11, 24, 2, 15, second, tzinfo=UTC) for second in range(3)]
    kinds = ("MapStateEntered", "MapRunStarted", "MapStateExited")
    count_events(usage, [{"type": kind, "timestamp": time} for kind, time in zip(kinds, times, strict=True)])
    assert (usage.transitions, usage.seconds, usage.map_seconds) == (1, 0.0, 0.0)


def test_a_functions_log_tells_cold_starts_from_warm_ones_and_its_own_time_from_the_apis():
    def lines(stream, time, milliseconds, api):
        groups = [{"Dimensions": [["source"]], "Metrics": [{"Name": "ApiLatency"}]}]
        metrics = {"_aws": {"CloudWatchMetrics": groups}, "source": "email", "ApiLatency": [api]}
        report = f"REPORT RequestId: 1\tInit Duration: 1 ms\tDuration: {milliseconds} ms\tBilled Duration: 99 ms\tMax"
        texts = json.dumps(metrics), report
        return [{"message": text, "logStreamName": stream, "timestamp": time} for text in texts]

    before = lines("old", 1, 500.0, 100.0)
    events = [*before, *lines("old", 10, 70.0, 50.0), *lines("new", 10, 400.0, 50.0)]
    log = read_log(events, since=10)
    assert (log.invocations, log.billed_ms, log.warm, log.cold) == (2, 198, [20.0], [350.0])
    assert log.api_ms == 100.0
    assert log.metrics == {("ApiLatency", "email")}
    assert log.log_bytes == sum(len(event["message"]) + BYTES_PER_EVENT for event in events[2:])
