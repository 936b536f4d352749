"""The one clock that the functions ask for the time of day."""

from __future__ import annotations

import os
import time


def now() -> float:
    """Give the time in seconds since 1970, UTC.

    ``REDRIVE_CLOCK_OFFSET_SECONDS`` moves it: so cooldowns of hours are tested in seconds, on the deployed code.
    """
    return time.time() + float(os.environ.get("REDRIVE_CLOCK_OFFSET_SECONDS", "0"))
