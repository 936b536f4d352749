"""How a provider fails, as it is told: all of it, or for one recipient."""

from __future__ import annotations

import math
import threading
from collections import Counter
from enum import StrEnum


class Refusal(StrEnum):
    """Why a provider does not take a message."""

    DOWN = "down"
    FOR_NOW = "for now"
    FOR_GOOD = "for good"


class Refusals:
    """What a provider refuses: told by a test or the demo, asked by the threads that serve.

    Attributes
    ----------
    is_down
        Whether it takes nothing at all.
    seconds
        How long it takes to answer.
    met
        How often each recipient was refused.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.seconds = 0.0
        self.met: Counter[str] = Counter()
        self._left: dict[str, float] = {}
        self._for_good: set[str] = set()
        self._lock = threading.Lock()

    def for_now(self, recipient: str, times: float = math.inf) -> None:
        """Refuse a recipient so many times, or for ever, as one that may be tried again."""
        with self._lock:
            self._left[recipient] = times

    def for_good(self, recipient: str) -> None:
        """Refuse a recipient every time, as one that nobody should try again."""
        with self._lock:
            self._for_good.add(recipient)

    def end(self) -> None:
        """Take everything again, at once."""
        with self._lock:
            self.is_down, self.seconds = False, 0.0
            self._left.clear()
            self._for_good.clear()

    def meet(self, recipient: str) -> Refusal | None:
        """Give what a message for this recipient meets now; None where it is taken."""
        with self._lock:
            refusal = self._next(recipient)
            self.met[recipient] += refusal is not None
            return refusal

    def _next(self, recipient: str) -> Refusal | None:
        if recipient in self._for_good:
            return Refusal.FOR_GOOD
        if self.is_down:
            return Refusal.DOWN
        if self._left.get(recipient, 0) > 0:
            self._left[recipient] -= 1
            return Refusal.FOR_NOW
        return None
