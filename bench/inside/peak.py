"""Handler that lists as the module does, and says how much memory its process has taken at most."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

from list_failed.handler import handler as list_failed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Give ``answer`` of the function, and ``peak_bytes``."""
    answer = list_failed(event, context)
    return {"answer": answer, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
