"""How much of the function's memory a list may take: an API that answers with more costs its own source alone.

A function that outgrows its memory is ended by Lambda in the middle, and with it the run of every source.
"""

from __future__ import annotations

import os

MEGABYTE = 2**20

BYTES_PER_ID = 300
"""What a listed id takes besides its letters: as an object, and in the sets of what came in this pass and in all.

Measured, with the sets just grown; a run keeps nothing smaller of it.
"""

BYTES_PER_TIME = 130
"""What the time of its failure takes besides, where a source has one that matters."""

_WEIGHTS = {b"{": 100, b"[": 90, b":": 130, b",": 160}
"""Bytes that an object, a list, a member of an object and an element of either take at most, by the sign for each.

Measured under CPython 3.11 to 3.13; a comma counts an id as well. Signs within texts count too: it is an upper limit.
"""


_MOST_PER_BYTE = max(_WEIGHTS.values()) + 8


def function_bytes() -> int:
    """Give the function's memory; what it has unless set, where it runs elsewhere."""
    return int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")) * MEGABYTE


def parsed_bytes(body: bytes) -> int:
    """Give what a JSON body takes at most when it is parsed: its values, its text once more, and the texts in it."""
    letters = len(body) * (2 if body.isascii() else 8)  # a letter takes four bytes where the text holds an emoji
    return letters + sum(weight * body.count(sign) for sign, weight in _WEIGHTS.items())


def fits(body: bytes) -> bool:
    """Tell whether a JSON body may be parsed; most are so small that no sign in them needs to be counted."""
    most = most_parsed_bytes()
    return len(body) * _MOST_PER_BYTE <= most or parsed_bytes(body) <= most


def most_parsed_bytes() -> int:
    """Give what one answer may take."""
    return function_bytes() * 3 // 8


def most_listed_bytes() -> int:
    """Give what the ids of all sources together may take; a source is always given its share of it."""
    return function_bytes() // 4
