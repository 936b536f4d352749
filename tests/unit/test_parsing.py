"""What comes from outside is parsed strictly, and an error names the field and never shows the value."""

from __future__ import annotations

import contextlib
import importlib
import json
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

import redrive
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


def test_no_default_is_shared_by_values_that_can_change_it() -> None:
    names = [f"redrive.{module.name}" for module in pkgutil.iter_modules(redrive.__path__)]
    classes = [
        each for name in names for each in vars(importlib.import_module(name)).values() if isinstance(each, type)
    ]
    defaults = [value for each in classes for value in getattr(each, "_field_defaults", {}).values()]
    assert len(defaults) > 50
    assert [value for value in defaults if isinstance(value, dict | list | set)] == []


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


class Outer(NamedTuple):
    """An object with others further in, in each way that there is."""

    listed: tuple[Nested, ...] = ()
    named: Mapping[str, Nested] = MappingProxyType({})
    one: Nested | None = None


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"listed": [{"style": "page"}, {"style": "page", "Limit": 5}]}, r"x\.listed\[1\]\.Limit"),
        ({"named": {"a": {"style": "page", "rate": 5}}}, r"x\.named\.a\.rate"),
        ({"one": {"style": "page", "names": ""}}, r"x\.one\.names"),
    ],
)
def test_what_a_person_typed_further_in_is_not_ignored(value: object, where: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{where}: unknown; known are style, limit, ratio, name$"):
        parse(Outer, value, "x", only_known=True)
    parse(Outer, value, "x")


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
