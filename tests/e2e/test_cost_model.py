"""The cost model against what is counted: 100 communications end to end, and 60 through the delivery queue."""

from __future__ import annotations

import pytest

from bench import cost, model
from bench.batch import FUNCTIONS
from bench.usage import Meter
from bench.worker import WorkedQueue

FAILED, BATCH_SIZE, RETRIED = 100, 50, 2
LOG_BYTES_OFF = 0.15
"""Ids, numbers and names of other lengths than the benchmark's, and a line more where a sandbox starts."""

UNITS_OFF = 5
"""Of some hundreds: a run's record is as large as the digest in it, whose words are others here."""

ROUNDS, ENTRIES = 3, 20
COUNTS = cost.read(cost.COUNTS)


def test_the_model_predicts_what_100_communications_use(scene):
    scene.begins(FAILED, settings={"REDRIVE_BATCH_SIZE": BATCH_SIZE}, **{"flaky:1": RETRIED})
    meter = Meter(scene.stack)
    ended = scene.run()
    used = meter.read([ended.run.arn], {name: scene.deployed.functions[name] for name in FUNCTIONS})
    assert (ended.status, ended.run.counts()) == ("SUCCEEDED", {"requeued": FAILED})

    work = model.Workload(FAILED, BATCH_SIZE, api_ms=0, retry_rate=RETRIED / FAILED)
    predicted = model.predict(work, COUNTS)
    assert used.transitions == predicted.transitions
    assert {name: log.invocations for name, log in used.functions.items()} == predicted.invocations
    assert used.units["write"] == pytest.approx(predicted.write_units, abs=UNITS_OFF)
    assert used.units["read"] == pytest.approx(predicted.read_units, abs=UNITS_OFF)
    log_bytes = sum(log.log_bytes for log in used.functions.values())
    assert log_bytes == pytest.approx(predicted.log_bytes, rel=LOG_BYTES_OFF)


@pytest.fixture
def worked(scene) -> WorkedQueue:
    """The queue and the worker that Terraform made, with the application of the stack; both sandboxes are warm."""
    scene.begins(0)
    scene.deployed.restore()
    worked = WorkedQueue(scene.stack, scene.stack.outputs["queue"]["url"], scene.deployed.functions["worker"])
    worked.send(ENTRIES, retried=4)
    return worked


def test_the_model_predicts_what_60_entries_of_the_delivery_queue_use(worked):
    rounds = [worked.send(ENTRIES, retried=1) for _ in range(ROUNDS)]
    logs = [used.functions["worker"] for used in rounds]

    work = model.Workload(ROUNDS * ENTRIES, api_ms=0, retry_rate=1 / ENTRIES)
    predicted = model.predict_queue(work, COUNTS)
    assert sum(log.invocations for log in logs) == predicted.invocations
    assert sum(used.requests["sqs.ChangeMessageVisibility"] for used in rounds) == predicted.changes
    assert sum(log.log_bytes for log in logs) == pytest.approx(predicted.log_bytes, rel=LOG_BYTES_OFF)


def test_the_model_knows_the_alarms_of_the_delivery_queue(stack):
    assert len(stack.outputs["alarm_arns"]) == COUNTS["module"]["alarms"] + model.QUEUE_ALARMS
