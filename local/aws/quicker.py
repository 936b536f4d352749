"""moto, made quicker where it does the same again with every request: that is most of what it does here.

It reads the expression of an update of DynamoDB up to three times and judges it twice, though what it says depends on
its text alone. It looks for ten types in every value, though a value names its own. And for each field of an answer it
finds out under which names an object might have it, though that depends on the object's class.
"""

from __future__ import annotations

import pickle
from functools import lru_cache
from typing import Any

from moto.core.serialize import AttributePicker, BaseJSONSerializer
from moto.dynamodb import models
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]

EXPRESSIONS = 1000
"""So many are remembered."""

PLAIN = frozenset({"S", "N", "BOOL", "NULL"})
"""Types of values that are written as they are kept."""

_read = UpdateExpressionParser.make
_serialize = BaseJSONSerializer._serialize_type_structure
_pick = AttributePicker.__call__
_names: dict[Any, tuple[str, ...]] = {}


@lru_cache(EXPRESSIONS)
def _expression(text: str) -> Any:
    """Read an expression; moto changes copies only."""
    expression = _read(text)
    expression.copy = pickle.dumps(expression)
    expression.judged = set()
    return expression


class Validator(validators.UpdateExpressionValidator):
    """Judges an expression and its values; what depends on the text and the names in it is judged once."""

    def __init__(
        self, expression: Any, expression_attribute_names: Any, expression_attribute_values: Any, item: Any, table: Any
    ) -> None:
        self.expression_attribute_names = expression_attribute_names
        self.expression_attribute_values = expression_attribute_values
        self.item, self.table, self._judged = item, table, expression.judged
        self._names = tuple(sorted((expression_attribute_names or {}).items()))
        self.processors = self.get_ast_processors()
        self.node_to_validate = pickle.loads(expression.copy)  # noqa: S301 - our own; and quicker than deepcopy

    def get_ast_processors(self) -> Any:
        """Leave out what was judged."""
        of_the_text = (validators.ActionCountValidator, validators.OverlappingPathsValidator)
        everything = super().get_ast_processors()
        return [each for each in everything if self._names not in self._judged or not isinstance(each, of_the_text)]

    def validate(self) -> Any:
        """Judge, and remember that it was sound."""
        node = super().validate()
        self._judged.add(self._names)
        return node


def _write(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name == "AttributeValue" and key and len(value) == 1 and PLAIN.issuperset(value):
        serialized[key] = value
    else:
        _serialize(serializer, serialized, value, shape, key)


def _picked(picker: Any, context: Any) -> Any:
    given, shape = context.obj, context.shape
    if type(given) is not dict or picker.response_transformers:
        return _pick(picker, context)
    where = (type(picker), context.service_model, getattr(shape, "parent", None), shape, context.key)
    if where not in _names:
        _names[where] = tuple(picker.get_possible_keys(context))
    return next((given[name] for name in _names[where] if name in given), None)


def use() -> None:
    """Have moto work so in this process."""
    for where, name, quicker in (
        (UpdateExpressionParser, "make", staticmethod(_expression)),
        (models, "UpdateExpressionValidator", Validator),
        (BaseJSONSerializer, "_serialize_type_structure", _write),
        (AttributePicker, "__call__", _picked),
    ):
        setattr(where, name, quicker)
