"""How many examples hypothesis tries, and which tests share a process.

Few examples in every run, many where HYPOTHESIS_PROFILE says "thorough".
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("thorough", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

HERE = Path(__file__).parent
QUICK = ("local", "apis", "build", "unit")
"""Come last, in this order: what takes long and cannot be divided begins first, so that no core is idle in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the tests of a file to one process, for they share what is slow to set up; unit tests share nothing."""

    def folder(item: pytest.Item) -> str:
        return item.path.relative_to(HERE).parts[0]

    for item in items:
        if folder(item) != "unit" and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: QUICK.index(folder(item)) if folder(item) in QUICK else -1)
