"""Sandboxes of AWS's runtime interface emulator, for packages that are measured."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.runtime import ROOT, find
from local.aws.sandbox import Sandbox

BENCH = Path(__file__).resolve().parent
TIMEOUT_SECONDS = 300
LARGEST = 200_000
"""Communications of a run: 10,000 batches of 20, as many as the module allows."""


class MeasurementFailed(Exception):
    """What was to be measured did not work; the message says what it said."""


@dataclass(frozen=True)
class Package:
    """Code as Lambda sees it.

    Attributes
    ----------
    handler
        As Lambda spells it.
    root
        The function's own folder.
    search
        What lies in ``/opt/python`` there, and what else it may import.
    """

    handler: str
    root: Path
    search: tuple[Path, ...] = ()


def unpacked(name: str, folder: Path) -> Path:
    """Unpack a zip of ``dist/`` once and give its folder."""
    into = folder / name
    if not into.exists():
        with zipfile.ZipFile(ROOT / "dist" / f"{name}.zip") as opened:
            opened.extractall(into)
    return into


def layer(folder: Path) -> Path:
    """Give what the module's layer puts on the search path."""
    return unpacked("dependencies", folder) / "python"


@contextmanager
def sandbox(package: Package, url: str, variables: Mapping[str, str], folder: Path) -> Iterator[Sandbox]:
    """Start a sandbox whose AWS is at a URL, for as long as the block lasts."""
    started = Sandbox("bench")
    try:
        started.start(find(), package.handler, package.root, environment(package, url, variables, folder))
        yield started
    finally:
        started.stop()


def environment(package: Package, url: str, variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Give what Lambda sets; see ``local/aws/functions.py``.

    Nothing compiled is kept, for on Lambda the code is on a read-only file system: every cold start compiles it.
    """
    return {
        "PATH": os.defpath.strip(":"),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join(map(str, package.search)),
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN": "local",
        "AWS_ENDPOINT_URL": url,
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(TIMEOUT_SECONDS),
        "LAMBDA_TASK_ROOT": str(package.root),
    }


def settings(url: str, listed: int = 20) -> dict[str, str]:
    """Give the module's settings: a list of so many, and an API that wants a bearer token."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:api"
    values: dict[str, Any] = {
        "REDRIVE_API": {"base_url": url, "auth": {"type": "bearer", "secret_arn": arn}},
        "REDRIVE_LEDGER": {"table": "ledger"},
        "REDRIVE_RUN": {},
        "REDRIVE_NOTIFICATIONS": {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:notifications"},
        "REDRIVE_BATCH_SIZE": 20,
        "REDRIVE_MAX_PER_RUN": LARGEST,
    }
    return {
        "POWERTOOLS_SERVICE_NAME": "communications-redrive-bench",
        "POWERTOOLS_METRICS_NAMESPACE": "communications-redrive",
        "REDRIVE_NAME": "communications-redrive",
        "REDRIVE_STAGE": "bench",
        "REDRIVE_STATE_MACHINE_ARN": "arn:aws:states:eu-west-1:123456789012:stateMachine:run",
        "REDRIVE_CONCLUDE_ARN": "arn:aws:lambda:eu-west-1:123456789012:function:conclude",
        **{name: json.dumps(value) for name, value in values.items()},
        **endpoints(listed),
    }


def endpoints(listed: int) -> dict[str, str]:
    """Give the settings of where ``bench.server`` lists so many, one page after the other, and takes one back."""
    source = {
        "path": f"/failed/{listed}",
        "operation": "send.email",
        "filters": {"cursor": "0"},
        "items": "emails",
        "pagination": {"style": "cursor", "next": "next_cursor"},
    }
    values = {"REDRIVE_SOURCES": {"email": source}, "REDRIVE_REQUEUE": {"path": "/requeue"}}
    return {name: json.dumps(value) for name, value in values.items()}


def invoke(started: Sandbox, event: Mapping[str, Any]) -> tuple[Any, list[str]]:
    """Invoke once; give the answer and what was printed. Raises ``MeasurementFailed``."""
    outcome = started.invoke(json.dumps(event).encode(), TIMEOUT_SECONDS)
    lines = [text for _, text in outcome.lines]
    if outcome.error:
        raise MeasurementFailed("\n".join([outcome.payload.decode(errors="replace"), *lines[-20:]]))
    return json.loads(outcome.payload), lines
