"""CloudWatch's rules for alarms, so that those of the plan can be tried on histories of their metrics.

Source: CloudWatch user guide, "Alarm evaluation", with "Configuring how CloudWatch alarms treat missing data" and
"Avoiding premature transitions to alarm state"; "Using metric math" for FILL, which has nothing to fill where there is
no value at all; API reference, PutMetricAlarm and PutCompositeAlarm. How many more points than it evaluates CloudWatch
looks at is not documented but for an example, whose number is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"
MORE_POINTS = 2

Points = Sequence[float | None]
"""A value for each period, the newest last; None where there is none."""

COMPARE = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


@dataclass(frozen=True)
class Alarm:
    """An alarm of one metric, as the plan has it."""

    values: dict[str, Any]

    @property
    def period(self) -> int:
        """Seconds of a point."""
        return int(self._metric["period"])

    @property
    def metric(self) -> tuple[str, str, dict[str, str]]:
        """Namespace, name and dimensions."""
        found = self._metric
        return found["namespace"], found["metric_name"], found["dimensions"]

    @property
    def _metric(self) -> dict[str, Any]:
        queries = self.values.get("metric_query") or []
        return next((query["metric"][0] for query in queries if query["metric"]), self.values)

    def states(self, points: Points) -> list[str]:
        """Give its state when it was made, and after each point."""
        state, found = INSUFFICIENT_DATA, []
        for number in range(len(points) + 1):
            state = self.state(points[:number], state)
            found.append(state)
        return found

    def state(self, points: Points, before: str) -> str:
        """Evaluate it once."""
        periods = int(self.values["evaluation_periods"])
        enough = int(self.values.get("datapoints_to_alarm") or periods)
        missing = self.values["treat_missing_data"]
        seen = self._filled([None] * (periods + MORE_POINTS) + list(points))[-periods - MORE_POINTS :]
        real = [(age, value) for age, value in enumerate(reversed(seen), start=1) if value is not None][:periods]
        breaching = [age for age, value in real if self._is_breaching(value)]
        filled = periods - len(real)
        if len(breaching) + filled * (missing == "breaching") >= enough:
            return ALARM
        if len(breaching) < len(real) or not filled or missing == "notBreaching":
            return OK
        # Whatever is there is a breach, and there is too little of it.
        if missing == "missing":
            return ALARM if breaching and max(breaching) >= enough else INSUFFICIENT_DATA
        return OK if missing == "breaching" else before

    def _filled(self, points: Points) -> Points:
        is_filled = any("FILL" in (query.get("expression") or "") for query in self.values.get("metric_query") or [])
        if not is_filled or all(value is None for value in points):
            return points
        return [0.0 if value is None else value for value in points]

    def _is_breaching(self, value: float) -> bool:
        return COMPARE[self.values["comparison_operator"]](value, float(self.values["threshold"]))


def begins(states: Sequence[str], lasting: int = 0) -> list[int]:
    """Give when an alarm acts: it has gone into ALARM and, where it waits, stayed there for so many points."""
    found = []
    since = None
    for number, state in enumerate(states):
        since = None if state != ALARM else number if since is None else since
        if since is not None and number - since == lasting:
            found.append(number)
    return found


def ends(states: Sequence[str]) -> list[int]:
    """Give when an alarm is over."""
    return [number for number in range(1, len(states)) if (states[number - 1], states[number]) == (ALARM, OK)]
