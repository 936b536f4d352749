"""docs/operations.md as tests read it: its sections, and the commands in them."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

RUNBOOK = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
PARTS = ("**What happened.**", "**For customers.**", "**What to do.**", "**Resolved when**")
NAME = "communications-redrive-production"
"""What the names in its commands begin with."""


@cache
def sections() -> dict[str, str]:
    """Give the text of each section for a mail or an alarm, by its heading without code marks."""
    text = RUNBOOK.read_text(encoding="utf-8")
    return {
        found[1].strip("`"): found[2]
        for found in re.finditer(r"^### (.+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
        if PARTS[0] in found[2]
    }


def heading(subject: str) -> str:
    """Give the heading under which a subject is found: without name and stage, with N for its numbers."""
    result = re.sub(r"\(.*?\)", "(…)", subject.rpartition(" - ")[0])
    result = re.sub(r"\d[\d,]*", "N", result)
    return result.replace("communication ", "communications ").replace(": nothing would", ": N communications would")


def anchor(title: str) -> str:
    """Give the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def commands() -> list[list[str]]:
    """Give the words of every command to be copied, in order, without variables before it."""
    text = RUNBOOK.read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    words = [shlex.split(line) for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    return [command[[word == "aws" for word in command].index(True) :] for command in words]
