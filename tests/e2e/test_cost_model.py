"""The cost model against what is counted: 200 communications end to end."""

from __future__ import annotations

import statistics

import pytest

from bench import cost, model
from bench.usage import Meter

FAILED, BATCH_SIZE, RETRIED = 200, 100, 4
LOG_BYTES_OFF = 0.15
"""Ids, numbers and names of other lengths than the benchmark's, and a line more where a sandbox starts."""
TIMES_OFF = 5
"""How often the model's time of a requeue may be in the measured median, or that in it: machines differ, and this one
does other things besides."""


def test_the_model_predicts_what_200_communications_use(scene):
    scene.begins(FAILED, **{"flaky:1": RETRIED})
    functions = {name: scene.deployed.functions[name] for name in ("list_failed", "requeue_communication", "summarise")}
    meter = Meter(scene.stack)
    run = scene.run()
    used = meter.read(run.answer["executions"], functions)
    assert run.counts == {"requeued": FAILED}

    work = model.Workload(FAILED, BATCH_SIZE, api_ms=0, retry_rate=RETRIED / FAILED)
    predicted = model.predict(work, cost.read(cost.COUNTS))
    assert used.transitions == predicted.transitions
    assert {name: log.invocations for name, log in used.functions.items()} == predicted.invocations
    counted = {name: used.requests[f"dynamodb.{name}"] for name in predicted.requests}
    assert counted == predicted.requests
    log_bytes = sum(log.log_bytes for log in used.functions.values())
    assert log_bytes == pytest.approx(predicted.log_bytes, rel=LOG_BYTES_OFF)
    own_ms = statistics.median(used.functions["requeue_communication"].warm)
    assert predicted.requeue_ms / TIMES_OFF < own_ms < predicted.requeue_ms * TIMES_OFF
    assert all(one.status == "SUCCEEDED" for one in run.executions)
