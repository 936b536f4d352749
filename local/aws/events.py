"""Events on the default bus: the deployed rules decide which functions receive them.

A function receives the whole event. Inputs made of it, other buses, and events of applications are not known here.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule, events_backends

from local.aws import permissions

PRINCIPAL = "events.amazonaws.com"


class Events:
    """Puts events on the bus; ``send(arn, text)`` carries what a rule's target receives."""

    def __init__(self, send: Callable[[str, str], None]) -> None:
        self._send = send

    def put(self, resource: str, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Put one event about a resource, by its ARN, on the bus of its account and region.

        Patterns are matched by moto, which knows ``anything-but``, ``prefix``, ``exists``, ``numeric``, ``wildcard``
        and ``$or`` as the EventBridge user guide has them ("Comparison operators for use in event patterns").
        """
        _, _, _, region, account, *_ = resource.split(":")
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": [resource],
            "detail": dict(detail),
        }
        for rule in list(events_backends[account][region].event_buses["default"].rules.values()):
            if rule.state != "DISABLED" and _matches(rule, event):
                for target in list(rule.targets):
                    self._to_target(rule, target, json.dumps(event))

    def _to_target(self, rule: Rule, target: Mapping[str, Any], text: str) -> None:
        if permissions.invocable(target["Arn"], PRINCIPAL, rule.arn):
            self._send(target["Arn"], text)
        else:
            why = f"the policy of {target['Arn']} does not let {PRINCIPAL} invoke it for {rule.arn}"
            print(f"rule {rule.name}, target {target['Id']}: {why}", file=sys.stderr)


def _matches(rule: Rule, event: Mapping[str, Any]) -> bool:
    # A rule without a pattern is a scheduled one; moto's empty pattern would match everything.
    return bool(rule.event_pattern.get_pattern()) and rule.event_pattern.matches_event(event)  # type: ignore[arg-type]
