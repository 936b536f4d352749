"""Plain, friendly output: ASCII, at most 100 columns, colours only where they are wanted."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

WIDTH = 100
INDENT = " " * 6
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def is_live() -> bool:
    """Whether a person watches: lines may be overwritten."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """Colour a text, if this is a terminal and nobody objects (https://no-color.org)."""
    if not is_live() or os.environ.get("NO_COLOR"):
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


def say(text: str = "", indent: str = INDENT) -> None:
    """Print a line, or several."""
    for line in text.split("\n"):
        print(f"{indent}{line}" if line else "", flush=True)


def pairs(rows: Iterable[tuple[str, str]], width: int = 14) -> None:
    """Print names and values in two columns, long values wrapped at their own column."""
    for name, value in rows:
        lines = textwrap.wrap(value, WIDTH - len(INDENT) - width, break_on_hyphens=False) or [""]
        for number, line in enumerate(lines):
            say(f"{paint(name.ljust(width), 'dim') if number == 0 else ' ' * width}{line}")


def letter(headers: Sequence[tuple[str, str]], body: str) -> None:
    """Print a mail, with a line at its side."""
    for text in [*(f"{name}: {value}" for name, value in headers), "", *body.strip().splitlines()]:
        for line in textwrap.wrap(text, WIDTH - len(INDENT) - 2, break_on_hyphens=False) or [""]:
            say(f"{paint('|', 'cyan')} {line}".rstrip())


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step; leave an empty line after it."""
    say(paint(title, "bold"), indent="")
    try:
        yield
    finally:
        progress()
    say()


def progress(text: str = "") -> None:
    """Show how far a step is, in the same line, or take that away; nobody watching, nothing is shown."""
    if is_live():
        shown = f"{INDENT}{paint(text[: WIDTH - len(INDENT)], 'dim')}" if text else ""
        print(f"\r\033[K{shown}", end="", flush=True)
