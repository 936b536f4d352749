"""What a rule's target receives, by EventBridge's rules for input transformation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.aws.transform import Undeliverable, target_input

RULE = {"arn": "arn:rule", "name": "rule"}
EVENT: dict[str, Any] = {
    "time": "2026-11-24T02:15:00Z",
    "detail-type": "T",
    "resources": ["first", "second"],
    "detail": {"text": 'a "b"', "number": 3, "null": None, "object": {"key": "v"}},
}


def made(template: str, **paths: str) -> str:
    return target_input({"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}, RULE, EVENT)


def test_without_a_transformer_the_event_is_received_as_it_is() -> None:
    assert json.loads(target_input({}, RULE, EVENT)) == EVENT


def test_a_constant_or_a_part_is_received_instead() -> None:
    assert target_input({"Input": '{"a": 1}'}, RULE, EVENT) == '{"a": 1}'
    assert target_input({"InputPath": "$.detail.object"}, RULE, EVENT) == '{"key": "v"}'


def test_a_text_keeps_its_quotes_and_lines_and_takes_values_as_they_are() -> None:
    text = made('"<t>: <n>"\n"<r>"', t="$.detail.text", n="$.detail.number", r="$.resources[1]")
    assert text == '"a "b": 3"\n"second"'


def test_a_missing_value_is_nothing_in_a_text_and_an_unknown_name_stays() -> None:
    assert made('"[<m>] <unknown>"', m="$.detail.nothing.here") == '"[] <unknown>"'


def test_an_object_gets_values_of_their_own_type() -> None:
    template = '{"t": <t>, "n": <n>, "o": <o>, "d": "<d> by <aws.events.rule-name>"}'
    paths = {"t": "$.detail.text", "n": "$.detail.number", "o": "$.detail.object", "d": "$.detail-type"}
    assert json.loads(made(template, **paths)) == {"t": 'a "b"', "n": 3, "o": {"key": "v"}, "d": "T by rule"}


def test_an_object_broken_by_a_quote_in_a_value_is_not_delivered() -> None:
    with pytest.raises(Undeliverable):
        made('{"t": "<t>"}', t="$.detail.text")


def test_the_whole_event_can_be_a_value() -> None:
    assert json.loads(made('{"event": <aws.events.event.json>}'))["event"] == EVENT
