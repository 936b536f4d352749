"""Handler that has the lister list, and says how much memory its process has taken at most."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

from list_failed import handler as lister

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Give the lister's answer, and ``peak_bytes``."""
    answer = lister.handler(event, context)
    return answer | {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
