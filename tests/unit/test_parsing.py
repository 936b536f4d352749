"""What comes from outside is parsed strictly, and an error names the field and never shows the value."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.errors import ConfigurationError
from redrive.models import Communication
from redrive.parsing import parse, parse_json
from redrive.settings import ApiSettings, ListSettings, PaginationStyle, Source

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Nested:
    style: PaginationStyle
    limit: int = 3
    ratio: float | None = None
    name: str = ""


def test_a_nested_object_becomes_its_dataclass_with_defaults() -> None:
    assert parse(Nested, {"style": "page", "ratio": 2}, "x") == Nested(PaginationStyle.PAGE, 3, 2.0)


def test_a_field_may_be_spelled_as_json_events_do() -> None:
    event = {"primaryId": "1", "operation": "send.email", "source": "email"}
    assert parse(Communication, event, "event") == Communication("1", "send.email", "email")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "x.style: missing"),
        ({"style": "pages"}, "x.style: must be one of none, page, offset, cursor, next_url, link_header, not a text"),
        ({"style": "page", "limit": "3"}, "x.limit: must be a whole number, not a text"),
        ({"style": "page", "limit": True}, "x.limit: must be a whole number, not true or false"),
        ({"style": "page", "ratio": []}, "x.ratio: must be a number, not a list"),
        ([], "x: must be an object, not a list"),
        (
            {"style": "page", "name": "\ud83d"},
            "x.name: holds half a character (a lone surrogate), which cannot be written",
        ),
    ],
)
def test_an_error_names_the_field_and_what_it_must_be(value: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse(Nested, value, "x")
    assert str(error.value) == message


def test_what_a_person_typed_is_not_ignored() -> None:
    with pytest.raises(ConfigurationError, match=r"event.primaryID: unknown; known are primaryId, operation, source"):
        parse(Communication, {"primaryID": "1"}, "event", only_known=True)


def test_a_text_that_is_not_json_is_named_by_its_variable() -> None:
    with pytest.raises(ConfigurationError, match=r"^api: not JSON"):
        parse_json(ApiSettings, "{", "api")


def test_a_missing_environment_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="REDRIVE_API"):
        ListSettings.from_environment({})


@given(json_values)
def test_any_value_parses_or_raises_a_configuration_error(value: Any) -> None:
    with contextlib.suppress(ConfigurationError):
        assert isinstance(parse(dict[str, Source], value, "sources"), dict)


@given(st.text(min_size=12, alphabet="abcdefghij"))
def test_a_value_is_never_shown_in_an_error(secret: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_json(ApiSettings, json.dumps({"base_url": {"secret": secret}}), "api")
    assert secret not in str(error.value)
