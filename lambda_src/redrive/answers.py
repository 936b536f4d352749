"""What an answer of the API means: whether a 2xx is believed, and for how long the API asks to be left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message
from http import HTTPStatus
from typing import Any

from redrive.errors import ListingError

PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""Of RFC 9110, as Python has them since 3.13: the same words under every runtime."""

MAX_WAIT_SECONDS = 86400.0
"""Of a ``Retry-After``: more is a mistake in its unit, and would leave a source alone for weeks."""

MARKUP = re.compile(r"<[A-Za-z!?/]")
PAGE = re.compile(r"<(!doctype|html|head|body)\b", re.IGNORECASE)
INVISIBLE = "\ufeff\u200b\u2060\0"
"""Byte order marks and spaces of no width, which ``str.strip`` leaves there."""

UNTRUE = frozenset(("", "0", "false", "no", "n", "off", "null", "none"))
"""Texts that some write for false."""

RATE_LIMITED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers whose rate limit headers are read; a 403 is one of some APIs' (GitHub's, for one) for too many requests."""

RATE_LIMITS = ("RateLimit-", "X-RateLimit-", "X-Rate-Limit-")
"""What the headers ``…Remaining`` and ``…Reset`` begin with: drafts of the IETF, GitHub and most others, Twitter."""

SHORT_RATE_LIMIT = re.compile(r"\b(r|remaining|t|reset)=(\d{1,13})\b")
"""Of the one header ``RateLimit`` (draft-ietf-httpapi-ratelimit-headers, from 03 on)."""

UNITS = {"ms": 0.001, "millisecond": 0.001, "s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600}
UNITS |= {"hr": 3600, "hour": 3600, "d": 86400, "day": 86400}
"""In seconds; RFC 9110 has seconds alone, without their name."""

DURATION = re.compile(r"(?:pt)?(?:\d{1,15}(?:\.\d+)?\s*[a-z]+[\s.]*)+", re.ASCII)
"""Of one unit or several: ``120s``, ``1m30s``, ``1 min 30 sec.``; ISO 8601 writes ``PT2M``, of less than a day."""


def in_full(status: int) -> str:
    """Give a status with its phrase: ``HTTP 422 Unprocessable Content``."""
    try:
        return f"HTTP {status} {PHRASES.get(status) or HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def is_page(body: bytes, content_type: str) -> bool:
    """Tell whether a 2xx is a page for people, which says nothing of whether the application saw the request.

    Nothing at all, JSON and plain text are answers, whatever type a framework gives them. A document of markup is
    none, and neither is text/html with any markup in it.
    """
    text = _text(body, content_type).strip().strip(INVISIBLE).strip()
    if _is_json(text):
        return False
    if MARKUP.match(text) or PAGE.search(text):
        return True
    return "html" in content_type.lower() and MARKUP.search(text) is not None


def read_json(body: bytes, content_type: str) -> Any:
    """Parse JSON: with a byte order mark, in UTF-16, or in what its Content-Type names; else raises ``ValueError``."""
    try:
        return json.loads(body)
    except UnicodeDecodeError:
        header = Message()
        header["Content-Type"] = content_type
        try:
            return json.loads(body.decode(header.get_content_charset() or "utf-8"))
        except LookupError:
            raise ValueError("unknown charset") from None


def _text(body: bytes, content_type: str) -> str:
    encoding: str = json.detect_encoding(body)  # by its byte order mark, or by where its zeros are
    declared = re.search(r"charset\s*=\s*\"?(utf-?(?:7|16|32)(?:-?[bl]e)?)\b", content_type, re.IGNORECASE)
    if encoding == "utf-8" and declared:
        encoding = declared[1]
    return body.decode(encoding, "replace")


def holds(expression: str, body: bytes, content_type: str) -> bool | None:
    """Tell whether an expression gives something true of a JSON body: neither false nor empty, nor written as such.

    None where it gives nothing, or there is no JSON to ask: then the answer says neither yes nor no.
    """
    from redrive.expressions import search  # most have no such expression, and do not pay for JMESPath

    try:
        found = search(expression, read_json(body, content_type), "requeue.accepted")
    except (ValueError, RecursionError, ListingError):
        return None
    if found is None:
        return None
    return found.strip().lower() not in UNTRUE if isinstance(found, str) else bool(found)


def expect_expression(expression: str) -> None:
    """Raise ``ConfigurationError`` where ``requeue.accepted`` is not JMESPath: before a request is sent, not after."""
    from redrive.expressions import search

    with suppress(ListingError):  # so it is where it does not fit this null
        search(expression, None, "requeue.accepted")


def _is_json(text: str) -> bool:
    """Tell whether a text is JSON, also one that breaks off: of a long one only the beginning is read."""
    try:
        json.loads(text)
    except RecursionError:
        return text[0] in "[{"
    except json.JSONDecodeError as error:
        is_cut_off = error.msg.startswith("Unterminated") or not MARKUP.search(text, error.pos)
        return text.startswith(("[", "{")) and is_cut_off
    except ValueError:
        return False
    return True


def retry_after(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds that the API asks to be left alone, a day at most; None where it does not ask.

    By ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date; some write a unit, or another form of time). Without one,
    where a 403 or a 429 says that the rate limit is used up, by when it is renewed. What makes no sense counts as none.

    Parameters
    ----------
    now
        In seconds since 1970.
    """
    seconds = _seconds(headers.get("Retry-After", "").strip(), now)
    if seconds is None and status in RATE_LIMITED:
        seconds = _until_renewed(headers, now)
    return None if seconds is None else max(0.0, min(seconds, MAX_WAIT_SECONDS))


def _seconds(text: str, now: float) -> float | None:
    """Read one wait; of several, as a header that was sent twice is joined, the longest."""
    waits = [_wait(part.strip(" \t;\"'"), now) for part in {text, *text.split(",")} if part]
    return max((wait for wait in waits if wait is not None), default=None)


def _wait(text: str, now: float) -> float | None:
    if re.fullmatch(r"\d{1,15}(\.\d+)?", text, re.ASCII):
        return _from_now(float(text), now)
    if DURATION.fullmatch(text.lower()):
        parts = [(float(number), _unit(name)) for number, name in re.findall(r"(\d[\d.]*)\s*([a-z]+)", text.lower())]
        if all(unit for _, unit in parts):
            return sum(number * unit for number, unit in parts)
    from redrive.moments import moment  # most write a number, and do not pay for it

    at = moment(text)
    return None if at is None else at - now


def _unit(name: str) -> float:
    """Give how many seconds one has; 0 where it is not known."""
    return UNITS.get(name) or UNITS.get(name.removesuffix("s")) or 0


def _until_renewed(headers: Mapping[str, str], now: float) -> float | None:
    waits = [
        _seconds(headers.get(f"{prefix}Reset", ""), now)
        for prefix in RATE_LIMITS
        if any(re.fullmatch(r"\s*0+\s*(;.*)?", left) for left in headers.get(f"{prefix}Remaining", "").split(","))
    ]
    short = headers.get("RateLimit", "")
    for policy in short.split(",") if ";" in short else [short]:
        said = {name: int(number) for name, number in SHORT_RATE_LIMIT.findall(policy)}
        if said.get("r", said.get("remaining")) == 0:
            waits.append(said.get("t", said.get("reset")))
    return max((wait for wait in waits if wait is not None), default=None)


def _from_now(number: float, now: float) -> float:
    """Read seconds from now, or a time: in seconds since 1970, or in milliseconds."""
    return number if number < 1e9 else (number / 1000 if number > 1e11 else number) - now


def json_of(body: bytes) -> Any:
    """Parse a JSON body; None where it is none, also where it is nested too deeply."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
