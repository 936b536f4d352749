"""The lister's policy of retries, for tests that have no time for its waits."""

from __future__ import annotations

from redrive.transport import Deadline, DeadlineRetry, listing_retry


def without_waiting(deadline: Deadline, try_seconds: float) -> DeadlineRetry:
    """Give the lister's own policy, less its waits."""
    retry = listing_retry(deadline, try_seconds)
    retry.backoff_factor = retry.backoff_jitter = 0
    return retry
