"""What a check found, as a person reads it."""

from __future__ import annotations

from typing import Any

from local.terminal import paint, pairs, say


def show_request(source: str, request: dict[str, Any]) -> None:
    """Show one request when it has been made."""
    query = f"?{request['query']}" if request["query"] else ""
    say(f"{paint(source.ljust(14), 'dim')}{request['for']}: {request['method']} {request['path']}{query}")
    say(f"{' ' * 14}{paint(_answer(request), 'dim')}")


def _answer(request: dict[str, Any]) -> str:
    if "error" in request:
        return str(request["error"])
    kind, items = request["contentType"] or "no Content-Type", request["items"]
    what = "no list" if items is None else _count(items, "item")
    return f"HTTP {request['status']}, {kind}, {request['bytes']:,} bytes, {what}, {request['milliseconds']} ms"


def show(found: dict[str, Any]) -> None:
    """Show what was found, source by source, then where it would be requeued."""
    for name, source in found["sources"].items():
        say()
        say(paint(f"sources.{name}", "bold"), indent="")
        ids = f": {', '.join(source['ids'])}{', …' if source['items'] > len(source['ids']) else ''}"
        read = f"{_count(source['items'], 'item')} on {_count(source['pages'], 'page')}"
        pairs([("read", read + (ids if source["ids"] else "")), ("end", source["end"])], width=10)
        pairs((("note", note) for note in source["notes"]), width=10)
        _show_traps(source["traps"])
    for each in found["requeue"]:
        say()
        say(paint(f"requeue of {', '.join(each['sources'])}", "bold"), indent="")
        reachable = {"yes": "reachable", "no": "not reachable"}.get(each["reachable"], each["reachable"])
        pairs([(each["method"], f"{each['path']}: {reachable} ({each['why']})")], width=10)
        _show_traps(each["traps"])


def _show_traps(traps: list[dict[str, str]]) -> None:
    for each in traps:
        pairs([("TRAP", each["trap"])], width=10)
        say(f"{' ' * 10}{paint(each['line'] or 'no line of the configuration helps', 'yellow')}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
