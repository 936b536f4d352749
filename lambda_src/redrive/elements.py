"""What the console's pages are made of: fields, warnings, times, links, and how far an action is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redrive.errors import ConfigurationError
from redrive.html import Html, capped, tag
from redrive.orders import LONGEST_AGE_SECONDS
from redrive.wording import console_url

STYLE = """
.rd{font:14px/1.45 "Amazon Ember",Helvetica,Arial,sans-serif;overflow-wrap:anywhere}
.rd h3{margin:12px 0 4px}.rd nav>*{margin-right:12px}.rd-link{cursor:pointer;color:#0972d3;text-decoration:underline}
.rd-wide{overflow-x:auto}.rd table{border-collapse:collapse;width:100%}
.rd td,.rd th{overflow-wrap:break-word;padding:4px 8px;border-bottom:1px solid #8886;text-align:left;vertical-align:top}
.rd input{max-width:100%;margin:2px 8px 2px 0}.rd label{display:inline-block}.rd .btn{margin:2px 6px 2px 0}
.rd-warn{border-left:4px solid #d13212;padding:2px 8px;margin:6px 0}.rd-good{border-left-color:#1d8102}
.rd small{opacity:.8}.rd pre{white-space:pre-wrap}
@media(max-width:600px){.rd thead{display:none}.rd tr{display:block;border-bottom:1px solid #888}
.rd td{display:block;border:0;padding:1px 0;overflow-wrap:anywhere}}
"""

SECONDS_PER_HOUR = 3600.0


def field_of(name: str, label: str, value: str = "") -> Html:
    """Give a field to type into."""
    return tag("label", f"{label} ", tag("input", type="text", name=name, value=value, size=14))


def warning(*text: str, good: bool = False) -> Html:
    """Give a line that is to be seen."""
    return tag("div", *text, class_="rd-warn rd-good" if good else "rd-warn")


def error(text: object) -> Html:
    """Give an error, or a reason, cut."""
    return tag("small", capped(text))


def spoken(what: str) -> str:
    """Give a call's name in words: ``releaseAndSend`` is ``release and send``."""
    return re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", what)


def when(text: object) -> Html:
    """Give a time."""
    return tag("small", str(text or "").replace("T", " "))


def execution(arn: str | None) -> Html:
    """Give the way to a run's execution."""
    if not arn:
        return Html("")
    return tag("a", "execution", href=console_url(arn), target="_blank", rel="noopener")


def hours(text: str) -> float:
    """Read hours as seconds; 0 where nothing was typed.

    What is no number is refused: "24h" must not mean any age, nor a pause of another length.
    """
    try:
        seconds = float(text or "0") * SECONDS_PER_HOUR
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_AGE_SECONDS:
        raise ConfigurationError(f"hours: must be a number, such as 1 or 0.5, not {capped(text, 40)!r}")
    return seconds


def turned_away(counts: Mapping[str, int]) -> int:
    """Count what the API did not take."""
    return sum(counts.get(name, 0) for name in ("turned_away", "charged"))


def progress_of(action: Mapping[str, Any]) -> str:
    """Say how far an action is."""
    state, count, done = action["state"], action["count"], action["done"]
    if state == "begun":
        return "begun; nobody has written down that it came to its end"
    if state == "counting":
        return f"counting: {action['counted']:,} so far"
    if state == "planned":
        return f"planned: {count:,}"
    if not count:  # what was done at once
        return f"done: {done:,}" if done else "done"
    skipped = f", {action['skipped']:,} skipped" if action["skipped"] else ""
    return f"{state}: {done:,} of {count:,} done{skipped}"
