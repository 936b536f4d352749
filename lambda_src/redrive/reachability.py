"""Whether what is requeued would arrive, found out without sending: ``OPTIONS`` asks which methods a path takes.

``OPTIONS`` changes nothing (RFC 9110, 9.3.7). Not every API answers it, and some answer it alike for every path. So an
answer counts only beside that for a path of which the opposite is known: one that is not there, or one of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from redrive.answers import expect_expression, in_full
from redrive.api import Api
from redrive.errors import ConfigurationError, RedriveError
from redrive.settings import CheckSettings
from redrive.trial import Trap

NOBODY = "communications-redrive-check"
"""Stands for an id in a path: no communication may be meant, in case the API does something all the same."""

NOT_THERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
NOT_CHECKED = "not checked"


@dataclass
class Reached:
    """What was found out of an endpoint.

    Attributes
    ----------
    reachable
        ``yes``, ``no`` or ``not checked``.
    why
        What was asked and answered.
    """

    path: str
    method: str
    sources: list[str]
    reachable: str = NOT_CHECKED
    why: str = ""
    traps: list[Trap] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give the form in which the answer shows it."""
        return {
            "method": self.method,
            "path": self.path,
            "sources": self.sources,
            "reachable": self.reachable,
            "why": self.why,
            "traps": [{"trap": trap.text, "line": trap.line} for trap in self.traps],
        }


def reach(settings: CheckSettings, api: Api, *, is_reached: bool, has_time: Callable[[], bool]) -> Iterator[Reached]:
    """Try each endpoint that something is requeued at.

    Parameters
    ----------
    is_reached
        Whether the API gave a list: else there is no point in asking.
    """
    requeue = settings.requeue
    endpoints: dict[str, list[str]] = {}
    for name in settings.sources:
        endpoints.setdefault(requeue.source_paths.get(name, requeue.path), []).append(name)
    for template, names in endpoints.items():
        found = Reached(template, requeue.method, names)
        try:
            if requeue.accepted:
                expect_expression(requeue.accepted)
        except ConfigurationError as error:
            found.traps.append(Trap(str(error), "requeue.accepted = …"))
        if is_reached and has_time():
            _try(found, settings, api)
        else:
            found.why = "no list was read" if has_time() else "no time left"
        yield found


def _try(found: Reached, settings: CheckSettings, api: Api) -> None:
    source = settings.sources[found.sources[0]]
    path = found.path.replace("{primaryId}", NOBODY).replace("{operation}", quote(source.operation, safe=""))
    setting = "requeue.path" if found.path == settings.requeue.path else f"sources.{found.sources[0]}.requeue_path"
    try:
        status, methods = api.methods(path)
        found.why = f"OPTIONS {found.path}: {_answer(status, methods)}"
        if methods and status not in NOT_THERE:
            if (status, methods) == api.methods(f"{path.partition('?')[0]}-{NOBODY}"):
                found.why += "; but so is a path that does not exist"
            elif found.method in methods:
                found.reachable = "yes"
            else:
                found.reachable = "no"
                found.traps.append(Trap(f"{found.path} takes {_list(methods)}, not {found.method}", f"{setting} = …"))
        elif status in NOT_THERE and NOBODY not in path and api.methods(source.path)[1]:
            found.reachable = "no"
            found.traps.append(Trap(f"there is no {found.path}: {in_full(status)}", f"{setting} = …"))
    except RedriveError as error:
        found.reachable, found.why = NOT_CHECKED, str(error)


def _answer(status: int, methods: frozenset[str]) -> str:
    return f"{in_full(status)}, " + (f"takes {_list(methods)}" if methods else "which does not say what it takes")


def _list(methods: frozenset[str]) -> str:
    return ", ".join(sorted(methods))
