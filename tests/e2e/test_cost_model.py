"""The cost model against what is counted: 200 communications end to end, and 60 through the first loop."""

from __future__ import annotations

import statistics

import pytest

from bench import cost, model
from bench.loop import WorkedQueue
from bench.usage import Meter

FAILED, BATCH_SIZE, RETRIED = 200, 100, 4
LOG_BYTES_OFF = 0.15
"""Ids, numbers and names of other lengths than the benchmark's, and a line more where a sandbox starts."""
TIMES_OFF = 5
"""How often the model's time of a requeue, of a batch or of the worker may be in the measured one, or that in it:
machines differ, and this one does other things besides."""

ROUNDS, ENTRIES = 3, 20
COUNTS = cost.read(cost.COUNTS)


def test_the_model_predicts_what_200_communications_use(scene):
    scene.begins(FAILED, **{"flaky:1": RETRIED})
    functions = {name: scene.deployed.functions[name] for name in ("list_failed", "requeue_communication", "summarise")}
    meter = Meter(scene.stack)
    run = scene.run()
    used = meter.read(run.answer["executions"], functions)
    assert run.counts == {"requeued": FAILED}

    work = model.Workload(FAILED, BATCH_SIZE, api_ms=0, retry_rate=RETRIED / FAILED)
    predicted = model.predict(work, COUNTS)
    assert used.transitions == predicted.transitions
    assert {name: log.invocations for name, log in used.functions.items()} == predicted.invocations
    counted = {name: used.requests[f"dynamodb.{name}"] for name in predicted.requests}
    assert counted == predicted.requests
    log_bytes = sum(log.log_bytes for log in used.functions.values())
    assert log_bytes == pytest.approx(predicted.log_bytes, rel=LOG_BYTES_OFF)
    own_ms = statistics.median(used.functions["requeue_communication"].warm)
    assert predicted.requeue_ms / TIMES_OFF < own_ms < predicted.requeue_ms * TIMES_OFF
    assert all(one.status == "SUCCEEDED" for one in run.executions)
    seconds, expected = used.seconds / len(run.executions), model.batch_seconds(work, COUNTS)
    assert expected / TIMES_OFF < seconds < expected * TIMES_OFF


@pytest.fixture
def worked(scene) -> WorkedQueue:
    """The queue and the worker that Terraform made, with the application of the stack; both sandboxes are warm."""
    scene.begins(0)
    scene.deployed.restore("worker")
    worked = WorkedQueue(scene.stack, scene.stack.outputs["queue"]["url"], scene.deployed.functions["worker"])
    worked.send(ENTRIES, retried=4)
    return worked


def test_the_model_predicts_what_60_entries_of_the_first_loop_use(worked):
    rounds = [worked.send(ENTRIES, retried=1) for _ in range(ROUNDS)]
    logs = [used.functions["worker"] for used in rounds]

    work = model.Workload(ROUNDS * ENTRIES, api_ms=0, retry_rate=1 / ENTRIES)
    predicted = model.predict_queue(work, COUNTS)
    assert sum(log.invocations for log in logs) == predicted.invocations
    assert sum(used.requests["sqs.ChangeMessageVisibility"] for used in rounds) == predicted.changes
    assert sum(log.log_bytes for log in logs) == pytest.approx(predicted.log_bytes, rel=LOG_BYTES_OFF)
    assert not any(log.cold for log in logs)
    own_ms = sum(sum(log.warm) for log in logs)
    assert predicted.own_ms / TIMES_OFF < own_ms < predicted.own_ms * TIMES_OFF


def test_the_model_knows_the_alarms_of_the_first_loop(stack):
    assert len(stack.outputs["alarm_arns"]) == COUNTS["module"]["alarms"] + model.QUEUE_ALARMS
