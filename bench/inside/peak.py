"""Handler that has the module's own handle an event, and says how much memory its process has taken at most."""

from __future__ import annotations

import importlib
import resource
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Give ``answer`` of the function, and ``peak_bytes``."""
    module = importlib.import_module(f"{event['function']}.handler")
    answer = module.handler(event["event"], context)
    return {"answer": answer, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
