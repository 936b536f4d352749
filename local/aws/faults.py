"""Faults that a test switches on: what a service does to its clients on a bad day, counted in requests.

Besides, what DynamoDB's clients have consumed so far, as a bill would count it.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from local.aws.errors import Refusal

THROTTLED = "ProvisionedThroughputExceededException"
"""What DynamoDB says to a client that is too fast."""


@dataclass
class Fault:
    """Meets ``count`` requests for an operation, beginning with the one that comes ``after`` so many others.

    ``fault`` says what is done to a request: ``throttle`` refuses it for now, ``delay`` holds it back before it is
    carried out, for so many ``seconds`` or until faults end.
    """

    service: str
    operation: str
    fault: str
    count: int
    after: int = 0
    seconds: float = 1.0
    met: int = 0


class Faults:
    """The faults switched on, and how many requests each operation of the JSON services has got.

    What this AWS does by itself is no request: pollers of event source mappings meet no fault and are not counted.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._requests: Counter[str] = Counter()
        self._units = {"read": 0.0, "write": 0.0}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def switch_on(self, asked: dict[str, Any]) -> None:
        """Add a fault: the fields of ``Fault``."""
        with self._lock:
            self._faults.append(Fault(**asked))

    def switch_off(self) -> None:
        """Forget every fault, and let go what is held back."""
        with self._lock:
            self._faults.clear()
            self._over.set()
            self._over = threading.Event()

    def to_json(self) -> dict[str, Any]:
        """Give how many requests met a fault, how many there were by operation, and the units that DynamoDB bills.

        ``{"met", "requests": {"dynamodb.UpdateItem": …}, "units": {"read": …, "write": …}}``
        """
        with self._lock:
            met = sum(fault.met for fault in self._faults)
            return {"met": met, "requests": dict(self._requests), "units": dict(self._units)}

    def consume(self, kind: str, units: float) -> None:
        """Count units of capacity: ``read`` or ``write``."""
        with self._lock:
            self._units[kind] += units

    def meet(self, service: str, operation: str) -> None:
        """Let a request meet what is switched on for it; raises ``Refusal`` where it is throttled."""
        with self._lock:
            self._requests[f"{service}.{operation}"] += 1
            fault, over = self._next(service, operation), self._over
        if fault is None:
            return
        if fault.fault == "throttle":
            raise Refusal(400, THROTTLED, "Too many requests; slow down.")
        over.wait(fault.seconds)

    def _next(self, service: str, operation: str) -> Fault | None:
        for fault in self._faults:
            if (fault.service, fault.operation) == (service, operation) and fault.met < fault.count:
                if fault.after:
                    fault.after -= 1
                    return None
                fault.met += 1
                return fault
        return None
