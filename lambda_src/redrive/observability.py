"""Logs and metrics of an invocation, by Powertools: JSON lines with ids only, and metrics inside them (EMF)."""

from __future__ import annotations

import typing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import TYPE_CHECKING

from redrive.errors import RedriveError
from redrive.models import shown_id
from redrive.stand_ins import stand_in, standing_in

_typing_extensions = stand_in("typing_extensions", lambda name: getattr(warnings, name, None) or getattr(typing, name))

# From 3.13 on Python itself has what Powertools takes from typing_extensions, a hundredth of a cold start.
with standing_in(_typing_extensions) if hasattr(warnings, "deprecated") else nullcontext():
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


UNITS = {
    "ApiLatency": MetricUnit.Milliseconds,
    "OldestFailedAge": MetricUnit.Seconds,
    "OldestWaitingAge": MetricUnit.Seconds,
}
"""Of the metrics that are no counts."""


@cache
def logger() -> Logger:
    """Give the sandbox's logger; service and level come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL."""
    return Logger()


@cache
def _metrics() -> Metrics:
    return Metrics()


@contextmanager
def observed(context: LambdaContext, **keys: object) -> Iterator[Logger]:
    """Give a logger whose lines carry the request's id and the given keys; log an error that leaves the block."""
    log = logger()
    if "primaryId" in keys:
        keys["primaryId"] = shown_id(str(keys["primaryId"]))
    with log.append_context_keys(function_request_id=context.aws_request_id, **keys):
        try:
            yield log
        except RedriveError as error:
            # Expected, and said in its own words: a stack trace would add nothing.
            log.warning(str(error), extra={"error": type(error).__name__})
            raise
        except Exception:
            log.exception("invocation failed")
            raise


def publish(metrics: Mapping[str, float | Sequence[float]], **dimension: str) -> None:
    """Publish metrics of one source or one operation, as one line.

    Parameters
    ----------
    metrics
        By name, counts: ``Listed``, ``Delivered``, ``CameBack``, ``Requeued``, ``Skipped``, ``Refused``,
        ``Failed``, ``Manual`` by source; ``Sent``, ``AlreadySent``, ``ComesBack``, ``DeadLettered`` by operation.
        ``ApiLatency`` by either, in milliseconds. Gauges by source, and all together: see :mod:`redrive.gauges`.
        A sequence is published value by value.
    dimension
        ``source`` in the redrive, ``operation`` in the delivery queue, beside Powertools' own ``service``.
    """
    emf = _metrics()
    for name, whose in dimension.items():
        emf.add_dimension(name, whose)
    for name, values in metrics.items():
        unit = UNITS.get(name, MetricUnit.Count)
        for value in values if isinstance(values, Sequence) else (values,):
            emf.add_metric(name, unit, value)
    emf.flush_metrics()
