"""The one clock that the functions ask for the time of day."""

from __future__ import annotations

import os
import time
from pathlib import Path


def now() -> float:
    """Give the time in seconds since 1970, UTC.

    The seconds in the file that ``REDRIVE_CLOCK_OFFSET_FILE`` names move it: so cooldowns of hours are tested in
    seconds, on the deployed code.
    """
    file = os.environ.get("REDRIVE_CLOCK_OFFSET_FILE")
    return time.time() + (float(Path(file).read_text("ascii")) if file else 0)
