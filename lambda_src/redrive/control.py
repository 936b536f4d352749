"""What a person may do to a run in the middle: pause it, slow it down, stop it. And the rate at which the API is asked.

One item answers all of it: where a rate is in force, each request takes a slot of it with one atomic write, and the
same write finds out whether there is a pause, a stop, or another rate. Without a rate it is read once for each batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from redrive import clock
from redrive.errors import FiringsPaused, RateLimited, RunHeld
from redrive.table import Item, Key, Table, Update
from redrive.wording import rfc3339

CONTROL = Key("control", "control")

SAFETY = 0.95
"""Of the rate that is used: two requests may be sent a little closer together than they were due."""

LATE_SECONDS = 0.025
"""So late a request may leave: half of what ``SAFETY`` leaves in a second, the other half is for its way."""

MOST_GIVEN_UP = 3
"""How often a request that is late gives up its slot for another one; where all are late, it must go at last."""

MAX_TRIES = 10
"""How often a slot is asked for where others are quicker."""


class Control(NamedTuple):
    """What is in force.

    Attributes
    ----------
    rate
        Requests a second in place of ``max_requests_per_second``; None where nobody has set one.
    paused_until
        When the pause ends; 0 where there is none. ``paused_since``, ``by`` and ``why`` go with it.
    stopped_run
        The run that opens no batch any more.
    """

    rate: float | None = None
    paused_until: float = 0
    paused_since: float = 0
    by: str = ""
    why: str = ""
    stopped_run: str = ""

    def is_paused(self, now: float) -> bool:
        """Tell whether nothing may be sent at the moment."""
        return self.paused_until > now


def control_of(item: Item | None) -> Control:
    """Read what is in force."""
    item = item or {}
    return Control(
        rate=item.get("rate"),
        paused_until=item.get("pausedUntil", 0),
        paused_since=item.get("pausedSince", 0),
        by=item.get("by", ""),
        why=item.get("why", ""),
        stopped_run=item.get("stoppedRun", ""),
    )


def refuse_while_paused(control: Control) -> None:
    """Raise ``FiringsPaused`` while nothing may be sent: what a firing listed would wait, and hinder the next one."""
    if control.is_paused(clock.now()):
        until = rfc3339(control.paused_until)
        raise FiringsPaused(f"{control.by} has paused everything until {until} ({control.why}); nothing was listed")


class Controls:
    """Changes what is in force."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self) -> Control:
        """Give what is in force."""
        return control_of(self._table.get(CONTROL))

    def pause(self, until: float, by: str, why: str) -> Control:
        """Let nothing be sent until then; runs that are on wait."""
        return self._set({"pausedUntil": until, "pausedSince": clock.now(), "by": by, "why": why})

    def resume(self) -> Control:
        """End a pause."""
        return self._set({}, ("pausedUntil", "pausedSince", "by", "why"))

    def slow_down(self, rate: float | None) -> Control:
        """Set the requests a second that are in force from the next request on; None for what the module's user set."""
        return self._set({"rate": rate}) if rate else self._set({}, ("rate",))

    def stop(self, run_id: str) -> Control:
        """Let a run open no batch any more."""
        return self._set({"stoppedRun": run_id})

    def _set(self, values: dict[str, object], removed: tuple[str, ...] = ()) -> Control:
        return control_of(self._table.write(Update(CONTROL, values, removed=removed)).item)


class Pace:
    """Takes slots of the rate in force, for one sandbox.

    Parameters
    ----------
    rate
        ``max_requests_per_second``; None for no limit.
    sleep
        Waits for so many seconds.
    """

    def __init__(self, table: Table, rate: float | None, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = table
        self._configured = rate
        self._changed: float | None = None
        self._sleep = sleep

    @property
    def has_rate(self) -> bool:
        """Whether a rate is configured, so that every request takes a slot."""
        return self._configured is not None

    def wait(self, run_id: str, longest: float) -> None:
        """Wait for the next slot; one that has passed before it could be used is given up for another one.

        Raises
        ------
        RunHeld
            The run was stopped, or all are paused.
        RateLimited
            The slot is further away than ``longest`` seconds.
        """
        given_up = 0
        for _ in range(MAX_TRIES):
            rate = self._changed or self._configured
            if rate is None:
                self._changed = control_of(self._table.get(CONTROL)).rate
                if self._changed is None:
                    return
                continue
            due = self._take(run_id, clock.now(), 1 / (SAFETY * rate), longest)
            if due is None:
                continue
            self._sleep(max(0.0, due - clock.now()))  # the write took its time, too
            if clock.now() <= due + LATE_SECONDS or given_up == MOST_GIVEN_UP:
                return
            given_up += 1
        raise RateLimited("no slot of the request rate: too many ask for one")

    def _take(self, run_id: str, now: float, spacing: float, longest: float) -> float | None:
        """Take a slot; gives when it is due, or None where it is to be tried again."""
        is_on = (
            ("#rate = :rate" if self._changed else "attribute_not_exists(#rate)")
            + " AND (attribute_not_exists(pausedUntil) OR pausedUntil <= :now)"
            + " AND (attribute_not_exists(stoppedRun) OR stoppedRun <> :run)"
        )
        operands = {"now": now, "run": run_id} | ({"rate": self._changed} if self._changed else {})
        # A slot that is too far away stays free: who takes it and does not use it puts off everybody else.
        is_near = f"{is_on} AND #slot >= :now AND #slot <= :latest"
        near = Update(CONTROL, {}, is_near, {**operands, "latest": now + longest}, added={"slot": spacing})
        found = self._table.write(near)
        if found.done and found.item:
            return float(found.item["slot"] - spacing)
        control = control_of(found.item)
        if control.is_paused(now):
            raise RunHeld("paused")
        if control.stopped_run == run_id:
            raise RunHeld("stopped")
        if control.rate != self._changed:
            self._changed = control.rate
            return None
        wait = (found.item or {}).get("slot", 0) - now
        if wait > max(longest, 0):
            raise RateLimited(f"the next slot of the request rate is {wait:.0f} s away")
        is_free = f"{is_on} AND (attribute_not_exists(#slot) OR #slot < :now)"
        idle = Update(CONTROL, {"slot": clock.now() + spacing}, is_free, operands)
        return clock.now() if self._table.write(idle).done else None  # it goes now, and cannot be late
