"""Typed parsing of what comes from outside: environment variables and events."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from redrive.errors import ConfigurationError

T = TypeVar("T")

EMPTY = "empty, which would mean all; leave it out for that"
"""What is wrong with a value that narrows nothing, where whoever wrote it may have meant none."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character: JSON can say one alone, UTF-8 cannot."""


def parse(kind: type[T], value: object, where: str, *, only_known: bool = False) -> T:
    """Turn parsed JSON into the given type, strictly.

    Parameters
    ----------
    kind
        A ``NamedTuple``, dataclass, ``StrEnum``, ``str``, ``int``, ``float``, ``bool``, ``dict[str, …]``,
        ``Mapping[str, …]``, ``tuple[…, ...]``, or a union of such a type with ``None`` or with a tuple. A field
        ``primary_id`` is read from the key ``primary_id``, ``primaryId`` or, as Step Functions writes errors,
        ``PrimaryId``.
    value
        What ``json.loads`` gave.
    where
        The name of the value as its author knows it, for the error: ``sources.email.pagination.style``.
    only_known
        Refuse an object, here or further in, with a key that its kind has no field for in camel case: what a person
        typed must not be ignored.

    Raises
    ------
    ConfigurationError
        Names the field, what it must be and the type of what is there. The value is not shown: it may be a secret.
    """
    return cast("T", _parse(kind, value, where, only_known))


def parse_json(kind: type[T], text: str, where: str) -> T:
    """Parse a JSON text into the given type; see :func:`parse`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{where}: not JSON ({error})") from None
    return parse(kind, value, where)


def _parse(kind: Any, value: Any, where: str, only_known: bool) -> Any:
    if kind in _NAMES:
        return _scalar(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None and types.NoneType in arguments:
            return None
        kinds = [kind for kind in arguments if kind is not types.NoneType]
        fitting = [kind for kind in kinds if (get_origin(kind) is tuple) == isinstance(value, list)]
        return _parse((fitting or kinds)[0], value, where, only_known)
    if origin in (dict, Mapping):
        items = _mapping(value, where).items()
        return {key: _parse(arguments[1], item, f"{where}.{key}", only_known) for key, item in items}
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return tuple(_parse(arguments[0], item, f"{where}[{index}]", only_known) for index, item in enumerate(value))
    if is_dataclass(kind) or issubclass(kind, tuple):
        return _parse_fields(cast("type[Any]", kind), _mapping(value, where), where, only_known)
    if value not in list(kind):
        raise _wrong(where, "one of " + ", ".join(kind), value)
    return kind(value)


def _scalar(kind: type[Any], value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(str(value))  # one beyond a float's range is infinite, as 1e400 is, and not an OverflowError
    if type(value) is not kind:  # not isinstance: JSON's true is no number
        raise _wrong(where, _NAMES[kind], value)
    if kind is str and not value.isascii() and _SURROGATE.search(value):
        raise ConfigurationError(f"{where}: holds half a character (a lone surrogate), which cannot be written")
    return value


def _parse_fields(kind: type[Any], value: Mapping[str, Any], where: str, only_known: bool) -> Any:
    if only_known:
        known = [camel for _, camel, _ in _fields(cast("Hashable", kind))]
        if unknown := sorted(value.keys() - set(known)):
            raise ConfigurationError(f"{where}.{unknown[0]}: unknown; known are {', '.join(known)}")
    hints = _hints(cast("Hashable", kind))
    found: dict[str, Any] = {}
    for name, camel, is_required in _fields(cast("Hashable", kind)):
        key = next((key for key in (name, camel, camel[0].upper() + camel[1:]) if key in value), None)
        if key is not None:
            found[name] = _parse(hints[name], value[key], f"{where}.{key}", only_known)
        elif is_required:
            raise ConfigurationError(f"{where}.{camel}: missing")
    return kind(**found)


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def camel_case(name: str) -> str:
    """Spell a field's name as JSON events do: ``primary_id`` becomes ``primaryId``."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


@cache
def _fields(kind: Any) -> list[tuple[str, str, bool]]:
    """Give the names of a kind's fields, as JSON spells them, and whether each must be there."""
    if is_dataclass(kind):
        found = [(each.name, each.default is MISSING and each.default_factory is MISSING) for each in fields(kind)]
    else:
        found = [(name, name not in kind._field_defaults) for name in kind._fields]
    return [(name, camel_case(name), is_required) for name, is_required in found]


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(where, "an object", value)
    return value


def _wrong(where: str, wanted: str, value: object) -> ConfigurationError:
    return ConfigurationError(f"{where}: must be {wanted}, not {_NAMES.get(type(value), type(value).__name__)}")


_NAMES: dict[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    types.NoneType: "null",
}
