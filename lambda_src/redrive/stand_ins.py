"""Modules that stand in for others while a library is imported: a cold start pays for whatever that brings along."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def stand_in(name: str, give: Callable[[str], Any]) -> ModuleType:
    """Make a module in which each name is what ``give`` gives for it."""
    made = ModuleType(name)
    made.__getattr__ = give  # type: ignore[method-assign]  # PEP 562
    return made


@contextmanager
def standing_in(*modules: ModuleType) -> Iterator[None]:
    """Let modules be found under their names for as long as the block lasts, but where that is imported already."""
    put = {module.__name__: module for module in modules if module.__name__ not in sys.modules}
    sys.modules |= put
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]
