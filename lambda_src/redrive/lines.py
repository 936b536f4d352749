"""Lines of the configuration to write, as a person writes them."""

from __future__ import annotations

import json
from typing import Any

from redrive.settings import Pagination, PaginationStyle

_EVERYWHERE = ("size_param", "size", "total")
"""Fields of ``pagination`` that count whatever the style."""


def pagination_line(where: str, pagination: Pagination, style: PaginationStyle, **fields: Any) -> str:
    """Give the whole object for another style: Terraform replaces an object, so what still counts must be in it.

    Parameters
    ----------
    where
        ``sources.email.pagination``
    pagination
        As configured.
    fields
        What the other style needs.
    """
    kept = {name: getattr(pagination, name) for name in _EVERYWHERE}
    default = Pagination()
    fields |= {name: value for name, value in kept.items() if value != getattr(default, name)}
    fields = {"style": style.value, **fields}
    written = (f"{name} = {json.dumps('' if value is None else value)}" for name, value in fields.items())
    return f"{where} = {{ {', '.join(written)} }}"
