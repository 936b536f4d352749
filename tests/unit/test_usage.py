"""How the benchmark reads what was used."""

from __future__ import annotations

import json

from bench.usage import BYTES_PER_EVENT, Usage, count_events, read_log


def test_a_transition_is_a_state_entered_and_every_try_after_a_tasks_first():
    usage = Usage()
    entered = {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Requeue", "input": '{"a": 1}'}}
    left = {"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Requeue", "output": "{}"}}
    tries = [{"type": kind} for kind in ("TaskScheduled", "TaskFailed", "TaskScheduled", "TaskSucceeded")]
    mapped = [{"type": "MapStateEntered"}, entered, *tries, left, {"type": "MapStateExited"}]
    events = [*mapped, {"type": "SucceedStateEntered"}]
    count_events(usage, events)
    assert (usage.transitions, usage.events, usage.state_bytes) == (4, 9, 10)


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
    assert (log.invocations, log.warm, log.cold) == (2, [20.0], [350.0])
    assert log.metrics == {("ApiLatency", "email")}
    assert log.log_bytes == sum(len(event["message"]) + BYTES_PER_EVENT for event in events[2:])
