"""JMESPath on what an API answered: values, and the list that an expression takes its items from."""

from __future__ import annotations

import re
import zlib
from functools import cache
from itertools import chain
from typing import Any, cast

import jmespath
from aws_lambda_powertools.exceptions import InvalidEnvelopeExpressionError
from aws_lambda_powertools.utilities.jmespath_utils import PowertoolsFunctions, query
from jmespath.exceptions import JMESPathError
from jmespath.visitor import TreeInterpreter

from redrive.errors import ConfigurationError, ListingError

Node = dict[str, Any]

_PLAIN = frozenset({"field", "subexpression", "index_expression", "index", "identity", "current"})
"""Nodes of expressions that name one value and leave nothing out."""

_TAKING = frozenset({"projection", "filter_projection", "value_projection", "flatten"})
"""Nodes that take some of a list's elements, or something of each; their first child is where that list is."""

_MISFITS = (
    *(JMESPathError, InvalidEnvelopeExpressionError, ValueError, RecursionError),
    *(OverflowError, OSError, EOFError, zlib.error),  # of the infinite rounded, and of what is not packed
)
"""What comes of an expression that does not fit an answer."""


def search(expression: str, data: Any, where: str) -> Any:
    """Give the value of an expression.

    Parameters
    ----------
    where
        The setting that holds the expression, for errors.

    Raises
    ------
    ConfigurationError
        The expression is not JMESPath.
    ListingError
        It does not fit the answer. The answer is not quoted: it belongs in no log.
    """
    if is_field(expression):
        return data.get(expression) if isinstance(data, dict) else None
    _parsed(expression, where)
    try:
        return query(data, expression)
    except _MISFITS:
        raise ListingError(f"{where}: {expression!r} does not fit the answer", f"{where} = …") from None


@cache
def is_field(expression: str) -> bool:
    """Tell whether an expression is nothing but a field's name (grammar: unquoted-string)."""
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", expression) is not None


@cache
def leaves_out(expression: str, where: str) -> bool:
    """Tell whether an expression that gives a list may leave out some of what the answer lists."""
    return not _is_plain(_parsed(expression, where))


def raw_list(expression: str, data: Any, where: str) -> list[Any] | dict[str, Any] | None:
    """Give the list (or object) that an expression takes its items from, as it stands in the answer.

    ``emails[?status=='failed'].message`` takes them from ``emails``, and ``groups[].emails[]``, which leaves none out,
    from all of these lists in one. None where that cannot be told.
    """
    try:
        found = _raw(_parsed(expression, where), data)
    except (JMESPathError, ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, list | dict) else None


@cache
def list_fields(expression: str, where: str) -> tuple[str, ...]:
    """Give the fields that lead to the list that an expression takes its items from, as far as they can be told."""
    return _leading_fields(_parsed(expression, where))[0]


def is_null(expression: str, data: Any, where: str) -> bool:
    """Tell whether the answer holds what an expression names, and says null there; what it lacks is not null."""
    return _is_null(_parsed(expression, where), data)[0]


@cache
def _parsed(expression: str, where: str) -> Node:
    try:
        return cast("Node", jmespath.compile(expression).parsed)
    except JMESPathError:
        raise ConfigurationError(f"{where}: {expression!r} is not a JMESPath expression") from None


def _is_plain(node: Node) -> bool:
    return node["type"] in _PLAIN and all(_is_plain(child) for child in node["children"])


def _is_slice(node: Node) -> bool:
    return bool(node["type"] == "index_expression" and node["children"][1]["type"] == "slice")


def _value(node: Node, data: Any) -> Any:
    return TreeInterpreter(jmespath.Options(custom_functions=PowertoolsFunctions())).visit(cast("Any", node), data)


def _raw(node: Node, data: Any) -> Any:
    children = node["children"]
    if (lists := _joined_lists(node, data)) is not None:
        return list(chain.from_iterable(each if isinstance(each, list) else [each] for each in lists))
    if node["type"] in _TAKING or _is_slice(node):
        return _raw(children[0], data)
    if node["type"] == "pipe":
        left = _raw(children[0], data)
        return left if isinstance(left, list) else _raw(children[1], _value(children[0], data))
    if node["type"] == "or_expression":
        return _raw(children[0], data) or _raw(children[1], data)
    if node["type"] == "function_expression":
        lists = [child for child in children if child["type"] not in ("expref", "literal")]
        return _raw(lists[0], data) if lists else None
    return _value(node, data)


def _joined_lists(node: Node, data: Any) -> list[Any] | None:
    """Give the lists of which an expression makes one; None where it does not, or leaves out some of what they hold."""
    children = node["children"]
    if node["type"] == "projection":
        return _joined_lists(children[0], data)
    if node["type"] == "pipe" and _is_whole(children[0]):
        return _joined_lists(children[1], _value(children[0], data))
    if node["type"] != "flatten" or not _is_whole(children[0]):
        return None
    found = _value(children[0], data)
    is_of_lists = isinstance(found, list) and any(isinstance(each, list) for each in found)
    return found if is_of_lists else None


def _is_whole(node: Node) -> bool:
    """Tell whether an expression leaves out nothing but what is not there."""
    is_choice = node["type"] == "filter_projection" or _is_slice(node)
    return not is_choice and all(_is_whole(child) for child in node["children"])


def _leading_fields(node: Node) -> tuple[tuple[str, ...], bool]:
    """Give the fields that an expression begins with, and whether it is nothing else."""
    children = node["children"]
    if node["type"] == "field":
        return (node["value"],), True
    if node["type"] in ("identity", "current"):
        return (), True
    if node["type"] in ("subexpression", "pipe"):
        fields: tuple[str, ...] = ()
        for child in children:
            further, is_all = _leading_fields(child)
            fields += further
            if not is_all:
                return fields, False
        return fields, True
    if node["type"] in (*_TAKING, "index_expression", "or_expression"):
        return _leading_fields(children[0])[0], False
    if node["type"] == "and_expression":
        return _leading_fields(children[1])[0], False
    if node["type"] == "function_expression":
        lists = [child for child in children if child["type"] not in ("expref", "literal")]
        return _leading_fields(lists[0])[0] if lists else (), False
    return (), False


def _is_null(node: Node, data: Any) -> tuple[bool, Any]:
    """Follow an expression's fields as far as they are there; give whether null is there, and where it arrives."""
    if data is None:
        return True, None
    children = node["children"]
    if node["type"] in _TAKING or _is_slice(node):
        return _is_null(children[0], data)
    if node["type"] in ("subexpression", "pipe"):
        null = False
        for child in children:
            null, data = _is_null(child, data)
            if null:
                return True, None
        return null, data
    if node["type"] == "field":
        is_there = isinstance(data, dict) and node["value"] in data
        return is_there and data[node["value"]] is None, data[node["value"]] if is_there else _ABSENT
    return (False, data) if node["type"] in ("identity", "current") else (False, _ABSENT)


_ABSENT = object()
