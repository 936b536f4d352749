"""Events on a bus: the deployed rules decide who receives them."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.events.models import Rule, events_backends

from local.aws import permissions
from local.aws.transform import Undeliverable, target_input

Send = Callable[[str, str], None]
PRINCIPAL = "events.amazonaws.com"


class Events:
    """Puts events on buses; ``send(arn, text)`` carries what a rule's target receives."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def put(
        self,
        bus_arn: str,
        *,
        source: str,
        detail_type: str,
        detail: Mapping[str, Any],
        resources: Sequence[str] = (),
    ) -> str:
        """Put one event on a bus and give its id.

        Patterns are matched by moto, which knows ``anything-but``, ``prefix``, ``exists``, ``numeric``, ``wildcard``
        and ``$or`` as the EventBridge user guide has them ("Comparison operators for use in event patterns").
        """
        _, _, _, region, account, name = bus_arn.split(":", 5)
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": account,
            "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "region": region,
            "resources": list(resources),
            "detail": dict(detail),
        }
        bus = events_backends[account][region].event_buses.get(name.removeprefix("event-bus/"))
        for rule in list(bus.rules.values()) if bus is not None else []:
            if rule.state != "DISABLED" and _matches(rule, event):
                self._to_targets(rule, event)
        return str(event["id"])

    def put_entries(self, account: str, region: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer PutEvents, which moto refuses where a rule has a target it does not know."""
        results = []
        for entry in entries:
            missing = next((key for key in ("Source", "DetailType", "Detail") if not entry.get(key)), None)
            if missing:
                message = f"Parameter {missing} is not valid. Reason: {missing} is a required argument."
                results.append({"ErrorCode": "InvalidArgument", "ErrorMessage": message})
                continue
            try:
                detail = json.loads(entry["Detail"])
            except ValueError:
                results.append({"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."})
                continue
            bus = str(entry.get("EventBusName", "default"))
            event_id = self.put(
                bus if bus.startswith("arn:") else f"arn:aws:events:{region}:{account}:event-bus/{bus}",
                source=entry["Source"],
                detail_type=entry["DetailType"],
                detail=detail,
                resources=entry.get("Resources", []),
            )
            results.append({"EventId": event_id})
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _to_targets(self, rule: Rule, event: Mapping[str, Any]) -> None:
        for target in list(rule.targets):
            if ":lambda:" in target["Arn"] and not permissions.invocable(target["Arn"], PRINCIPAL, rule.arn):
                refused = f"the policy of {target['Arn']} does not let {PRINCIPAL} invoke it for {rule.arn}"
                print(f"rule {rule.name}, target {target['Id']}: {refused}", file=sys.stderr)
                continue
            try:
                text = target_input(target, {"arn": rule.arn, "name": rule.name}, event)
            except Undeliverable as reason:
                print(f"rule {rule.name}, target {target['Id']}: {reason}", file=sys.stderr)
                continue
            self._send(target["Arn"], text)


def _matches(rule: Rule, event: Mapping[str, Any]) -> bool:
    # A rule without a pattern is a scheduled one; moto's empty pattern would match everything.
    return bool(rule.event_pattern.get_pattern()) and rule.event_pattern.matches_event(event)  # type: ignore[arg-type]
