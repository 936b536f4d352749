"""The protocol of CloudWatch's custom widgets: what reaches a function, and buttons that call it again.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from redrive.errors import ConfigurationError
from redrive.html import Html, joined, tag

MAX_VALUE = 2000
"""Characters of what a person types."""


class Visit(NamedTuple):
    """A call of the widget: what a button says, and what was typed into the forms, which it goes before.

    What the widget's own ``params`` say is left out: they come with every refresh, so they are no person's will.

    Attributes
    ----------
    is_described
        Whether only the widget's documentation is asked for.
    """

    values: Mapping[str, str] = MappingProxyType({})
    is_described: bool = False

    def get(self, name: str) -> str:
        """Give a value, empty where there is none."""
        return self.values.get(name, "")


def visit_of(event: object) -> Visit:
    """Read the event of a custom widget; raises ``ConfigurationError`` where it is none."""
    if not isinstance(event, Mapping):
        raise ConfigurationError("event: must be an object, as CloudWatch sends it for a custom widget")
    context = event.get("widgetContext")
    context = context if isinstance(context, Mapping) else {}
    params, forms = context.get("params"), context.get("forms")
    params = params if isinstance(params, Mapping) else {}
    typed = forms.get("all") if isinstance(forms, Mapping) else {}
    typed = _texts(typed) if isinstance(typed, Mapping) else {}
    said = _texts({name: value for name, value in event.items() if name not in ("widgetContext", "describe", *params)})
    # Only what was typed is stripped: what a button says may be an id, and " 104" is another one than "104".
    return Visit({name: text.strip() for name, text in typed.items()} | said, event.get("describe") is True)


def button(
    label: str, endpoint: str, values: Mapping[str, object], *, confirmation: str | None = None, kind: str = "btn"
) -> Html:
    """Give a button, or a link where ``kind`` is empty, that calls a function with these values.

    Parameters
    ----------
    confirmation
        What the browser asks before.
    """
    call = tag(
        "cwdb-action",
        json.dumps(values, ensure_ascii=False),
        action="call",
        endpoint=endpoint,
        display="widget",
        confirmation=confirmation,
    )
    return joined(tag("a", label, class_=kind or "rd-link"), call)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Give the values that are texts or numbers; half a character (a lone surrogate), which UTF-8 has not, as ``?``."""
    texts = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
    return {str(name): str(value)[:MAX_VALUE].encode(errors="replace").decode() for name, value in texts.items()}
