"""Plain, friendly output: ASCII, at most 100 columns, colours only where they are wanted."""

from __future__ import annotations

import os
import sys
import textwrap
import time
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


def table(header: Sequence[str], rows: Iterable[Sequence[object]], first: int = 14, others: int = 10) -> None:
    """Print a table: the first column to the left, the others to the right."""

    def line(cells: Sequence[object]) -> str:
        return str(cells[0]).ljust(first) + "".join(str(cell).rjust(others) for cell in cells[1:])

    say(paint(line(header).rstrip(), "dim"))
    for row in rows:
        say(line(row).rstrip())


def letter(headers: Sequence[tuple[str, str]], body: str) -> None:
    """Print a mail in a frame."""
    rule = "+" + "-" * (WIDTH - len(INDENT) - 1)
    say(paint(rule, "cyan"))
    lines = [f"{name}: {value}" for name, value in headers] + ["", *body.strip().splitlines()]
    for number, text in enumerate(lines):
        for line in textwrap.wrap(text, WIDTH - len(INDENT) - 2, break_on_hyphens=False) or [""]:
            shown = paint(line, "bold") if number < len(headers) else line
            say(f"{paint('|', 'cyan')} {shown}".rstrip())
    say(paint(rule, "cyan"))


class Step:
    """A step under way; `progress` shows how far it is, and for how long, until `clear`."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been under way."""
        return time.monotonic() - self.started

    def progress(self, text: str) -> None:
        """Show how far it is, in the same line; nobody watching, nothing is shown."""
        if is_live():
            room = WIDTH - len(INDENT) - len(" 000 s")
            print(f"\r\033[K{INDENT}{paint(f'{text[:room]} {self.seconds:.0f} s', 'dim')}", end="", flush=True)

    def clear(self) -> None:
        """Take the progress away, for a line that stays."""
        if is_live():
            print("\r\033[K", end="", flush=True)


class Steps:
    """Numbers the steps of a program."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.number = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Announce a step; leave an empty line after it."""
        self.number += 1
        say(paint(f"[{self.number}/{self.total}] {title}", "bold"), indent="")
        step = Step()
        try:
            yield step
        finally:
            step.clear()
        say()
