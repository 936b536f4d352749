"""What a rule's target receives: the event, a part of it, a constant, or a text made from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|<[\w.-]+>')
_PLACEHOLDER = re.compile(r"<([\w.-]+)>")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_MISSING = object()


class Undeliverable(Exception):
    """The text made from the event is not JSON although its template is an object or an array."""


def target_input(target: Mapping[str, Any], rule: Mapping[str, str], event: Mapping[str, Any]) -> str:
    """Give the text that a target receives.

    Parameters
    ----------
    target
        The target as PutTargets had it: with ``Input``, ``InputPath``, ``InputTransformer`` or none of them.
    rule
        ``arn`` and ``name`` of the rule, for ``<aws.events.rule-arn>`` and ``<aws.events.rule-name>``.
    event
        The whole event.

    Raises
    ------
    Undeliverable
        The template's JSON is broken by a value: EventBridge does not escape values inside quotes.
    """
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        return json.dumps(_select(target["InputPath"], event))
    transformer = target.get("InputTransformer")
    if transformer is None:
        return json.dumps(event)
    values: dict[str, Any] = {
        "aws.events.rule-arn": rule["arn"],
        "aws.events.rule-name": rule["name"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": dict(event),
        "aws.events.event.ingestion-time": event["time"],
    }
    for name, path in transformer.get("InputPathsMap", {}).items():
        values[name] = _select(path, event)
    return fill(transformer["InputTemplate"], values)


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Fill an input template (EventBridge user guide, "Amazon EventBridge input transformation").

    By its list of common issues: inside a quoted string a value stands as it is, without escaping, an object without
    its quotes, a missing one as nothing; outside of strings a text gets quotes. The quotes around a text template
    belong to the result: a mail made from it shows them.
    """

    def replace(token: re.Match[str]) -> str:
        text = token.group()
        if text.startswith('"'):
            return _PLACEHOLDER.sub(lambda found: _inside(values.get(found[1], _MISSING), found[0], values), text)
        name = text[1:-1]
        if name not in values:
            return text
        return '""' if values[name] is _MISSING else json.dumps(values[name])

    filled = _TOKEN.sub(replace, template)
    if template.lstrip()[:1] in {"{", "["}:
        try:
            json.loads(filled)
        except ValueError as broken:
            raise Undeliverable(f"the input transformer made no valid JSON: {broken}: {filled}") from broken
    return filled


def _inside(value: Any, placeholder: str, values: Mapping[str, Any]) -> str:
    if value is _MISSING:
        return placeholder if placeholder[1:-1] not in values else ""
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")


def _select(path: str, event: Mapping[str, Any]) -> Any:
    """Follow a path of dots and indexes, the only kind that EventBridge takes."""
    found: Any = event
    for step in _STEP.finditer(path.removeprefix("$")):
        name, index = step.groups()
        if name is not None and isinstance(found, Mapping) and name in found:
            found = found[name]
        elif index is not None and isinstance(found, list) and int(index) < len(found):
            found = found[int(index)]
        else:
            return _MISSING
    return found
