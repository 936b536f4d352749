"""One page of a source's list: what an answer holds, read by the source's expressions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redrive import clock
from redrive.answers import in_full, read_json
from redrive.api import ListAnswer
from redrive.errors import ListingError
from redrive.expressions import is_field, is_null, leaves_out, list_fields, raw_list, search
from redrive.flaws import flaw
from redrive.hints import Total, beside_lists, list_hint, says_more, says_no_next, total_hint
from redrive.models import MAX_EXACT, MAX_ID_BYTES, primary_id
from redrive.settings import Source

FUTURE_SECONDS = 300.0
"""A failure further ahead of this clock is none: two machines' clocks do not differ by more."""

GZIP = b"\x1f\x8b"
"""How what is packed so begins (RFC 1952, 2.3.1)."""

BEYOND = frozenset(map(HTTPStatus, (400, 404, 410, 416, 422)))
"""Statuses by which APIs say that a page lies beyond the end of a list."""


class Page(NamedTuple):
    """What of an answer is given on.

    Attributes
    ----------
    ids
        In order, without those of items that failed too recently or too long ago.
    young, old
        Those: younger than ``min_age_seconds``, older than ``max_age_seconds``.
    without_id, too_long
        How many items have no usable id, and how many one that is longer than 128 bytes.
    without_time, in_future
        Where an age matters: how many items have no usable ``failed_at``, or one in the future; these count as old
        enough, and as not too old.
    milliseconds
        How long the answer took.
    failed
        Where the source says when its items failed: that time, by id, but for those in ``old``.
    """

    ids: tuple[str, ...]
    young: tuple[str, ...] = ()
    old: tuple[str, ...] = ()
    without_id: int = 0
    too_long: int = 0
    without_time: int = 0
    in_future: int = 0
    milliseconds: float = 0.0
    failed: Mapping[str, float] = MappingProxyType({})


class Content(NamedTuple):
    """An answer that holds a list.

    Attributes
    ----------
    items
        What ``items`` gives.
    length
        How long the list is that these are taken from; None where that cannot be told.
    ids
        One for each item; None where there is no usable one.
    key
        The same for two answers that hold the same list.
    flaw
        What the answer says against itself, in words; empty where it says nothing.
    """

    answer: ListAnswer
    body: Any
    items: list[Any]
    length: int | None
    ids: tuple[str | None, ...]
    key: int
    flaw: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether the API lists nothing here; what ``items`` leaves out is listed."""
        return not (self.items if self.length is None else self.length)

    @property
    def extent(self) -> int:
        """How many items the API gave, as far as that can be told."""
        return max(self.length or 0, len(self.items))


def without_items(content: Content) -> Content:
    """Give an answer without what it lists: until the next one comes, only what it says beside that is kept."""
    return content._replace(body=beside_lists(content.body), items=[], length=content.extent)


def total_seen(name: str, source: Source, content: Content) -> Total | None:
    """Give how many items the whole list has, as far as an answer looks like it says so."""
    return total_hint(content.body, content.answer.headers, _fields(name, source))


def more_said(name: str, source: Source, content: Content) -> bool | None:
    """Tell whether an answer says in so many words that more follow; see :func:`redrive.hints.says_more`."""
    return says_more(content.body, content.answer.headers, _fields(name, source))


def has_no_next(name: str, source: Source, content: Content) -> bool:
    """Tell whether an answer says that no page follows it; see :func:`redrive.hints.says_no_next`."""
    return says_no_next(content.body, content.answer.headers, _fields(name, source))


def _fields(name: str, source: Source) -> tuple[str, ...]:
    return list_fields(source.items, f"sources.{name}.items")


class Unlisted(NamedTuple):
    """An answer that holds no list.

    Attributes
    ----------
    words
        Why not.
    is_definite
        Whether it is the application's own.
    line
        The line of the configuration to change; empty where none is known.
    """

    answer: ListAnswer
    words: str
    is_definite: bool
    line: str = ""

    def error(self, more: str = "") -> ListingError:
        """Give the error that says so, and more."""
        return ListingError(self.words + more, self.line)


def read_page(name: str, source: Source, answer: ListAnswer) -> Content | Unlisted:
    """Read an answer.

    Raises
    ------
    ConfigurationError
        An expression is not JMESPath.
    """
    where = f"sources.{name}"
    if answer.status >= HTTPStatus.BAD_REQUEST:
        words, line = _refusal(where, source, answer)
        return Unlisted(answer, words, answer.status in BEYOND, line)
    if answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.ACCEPTED):  # nothing, or nothing yet
        return Unlisted(answer, f"{where}: {in_full(answer.status)}", answer.status == HTTPStatus.NO_CONTENT)
    try:
        body = read_json(answer.body, answer.headers.get("Content-Type", ""))
    except (ValueError, RecursionError):
        words = f"{where}: HTTP {answer.status}, but {_no_json(answer)}"
        return Unlisted(answer, words, is_definite=False, line=f"{where}.path = …")
    try:
        items = _listed(source.items, body, f"{where}.items")
        content = _content(name, source, answer._replace(body=b""), body, items) if isinstance(items, list) else None
        wrong = flaw(where, source, body, is_empty=content is None or content.is_empty)
        if wrong and (content is None or not content.items):
            return Unlisted(answer, f"{where}: HTTP {answer.status}, but {wrong}", is_definite=False)
        if content is not None:
            return content._replace(flaw=wrong)
    except ListingError as error:
        return Unlisted(answer, str(error), is_definite=True, line=error.line)
    found = "null" if items is None else type(items).__name__
    words = f"{where}.items: {source.items!r} must give a list, and gives {found}"
    is_by_ids = isinstance(items, dict) and items is not body and all(isinstance(item, dict) for item in items.values())
    # PHP writes such an object for a list with gaps, and a list for one without.
    hint = f"{source.items}[*] || values({source.items})" if is_by_ids else list_hint(body)
    return Unlisted(answer, words, is_definite=True, line=f"{where}.items = {json.dumps(hint) if hint else '…'}")


def _listed(expression: str, body: Any, where: str) -> Any:
    """Give what ``items`` gives; an empty list as whichever empty thing the API's language writes it."""
    try:
        items = search(expression, body, where)
    except ListingError:
        if raw_list(expression, body, where) == []:  # an empty object, by PHP; keys() takes no list
            return []
        raise
    if items is None and body is not None and is_null(expression, body, where):
        return []  # Go
    return [] if items == {} and items is not body else items  # Lua


def _no_json(answer: ListAnswer) -> str:
    if not answer.body.strip():
        return "the body is empty"
    kind = answer.headers.get("Content-Type", "no Content-Type")
    # Others than those that were asked for are not unpacked.
    packed = answer.headers.get("Content-Encoding") or ("gzip" if answer.body.startswith(GZIP) else "")
    if not packed and not _is_text(answer.body):
        return f"the body is not JSON ({kind}, and not in UTF-8)"
    return f"the body is not JSON ({kind}{f', packed as {packed}' if packed else ''})"


def _is_text(body: bytes) -> bool:
    try:
        return bool(body.decode())
    except UnicodeDecodeError:
        return False


def is_null_alone(unlisted: Unlisted) -> bool:
    """Tell whether an answer is ``null`` and nothing else."""
    return unlisted.answer.status == HTTPStatus.OK and unlisted.answer.body.strip() == b"null"


def empty_content(answer: ListAnswer) -> Content:
    """Give what an answer holds that says that the list is empty."""
    return Content(answer, None, [], 0, (), 0)


def page_of(name: str, source: Source, content: Content) -> Page:
    """Give what of an answer is given on."""
    ids = tuple(filter(None, content.ids))
    without_id = len(content.ids) - len(ids)
    too_long = _too_long(name, source, content.items) if without_id else 0
    milliseconds = content.answer.milliseconds
    if not source.failed_at or not (source.min_age_seconds or source.max_age_seconds):
        return Page(ids, (), (), without_id - too_long, too_long, 0, 0, milliseconds)
    from redrive.moments import moment  # most sources name no such time, and a cold start does not pay for it

    found = search(f"map(&({source.failed_at}), @)", content.items, f"sources.{name}.failed_at")
    times, now = [moment(value) for value in found], clock.now()
    young, old, in_future = set[str](), set[str](), 0
    failed: dict[str, float] = {}
    for id_, at in zip(content.ids, times, strict=True):
        if at is None:
            continue
        if at > now + FUTURE_SECONDS:
            in_future += 1
        elif id_ and source.min_age_seconds and at > now - source.min_age_seconds:
            young.add(id_)
        elif id_ and source.max_age_seconds and at < now - source.max_age_seconds:
            old.add(id_)
        if id_ and id_ not in old:
            failed[id_] = min(at, now)
    return Page(
        ids=tuple(id_ for id_ in ids if id_ not in young and id_ not in old),
        young=tuple(id_ for id_ in ids if id_ in young),
        old=tuple(id_ for id_ in ids if id_ in old),
        without_id=without_id - too_long,
        too_long=too_long,
        without_time=times.count(None),
        in_future=in_future,
        milliseconds=milliseconds,
        failed=failed,
    )


def _content(name: str, source: Source, answer: ListAnswer, body: Any, items: list[Any]) -> Content:
    where = f"sources.{name}"
    ids = _ids(items, source, f"{where}.id")
    if not leaves_out(source.items, f"{where}.items"):
        known = set(ids)
        known.discard(None)
        # Two pages of one id that comes again and again, as of a mail to many, are not the same for that.
        is_told = known and len(known) == len(ids) - ids.count(None)
        return Content(answer, body, items, len(items), ids, hash(ids) if is_told else _hash(items))
    raw = raw_list(source.items, body, f"{where}.items")
    length, key = (None, _hash(body)) if raw is None else (len(raw), _hash(raw))
    return Content(answer, body, items, length, ids, key)


def _hash(value: Any) -> int:
    return hash(json.dumps(value, sort_keys=True))


def _refusal(where: str, source: Source, answer: ListAnswer) -> tuple[str, str]:
    """Give what is wrong, in words, and the line to change."""
    what = f"GET {urlsplit(answer.url).path}: {in_full(answer.status)}"
    if answer.status == HTTPStatus.NOT_FOUND:
        empty = f"{where}.empty_statuses = [204, 404]"
        words = f"{where}.path: HTTP 404; there is no such endpoint (if it means that nothing failed, set {empty})"
        return words, f"{where}.path = …"
    if answer.status == HTTPStatus.NOT_ACCEPTABLE:
        return f"{what}; if the API wants another Accept than application/json, set api.headers", "api.headers = …"
    size = source.pagination.size_param
    if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY) and size and _names(answer.url, size):
        words = f'{what}; if the API does not take {size!r}, set {where}.pagination.size_param, or "" for none'
        return words, f"{where}.pagination.size_param = …"
    return what, ""


def _names(url: str, parameter: str) -> bool:
    return any(part.split("=", 1)[0] == parameter for part in urlsplit(url).query.split("&"))


def _ids(items: list[Any], source: Source, where: str) -> tuple[str | None, ...]:
    found = _found_ids(items, source, where)
    kinds = set(map(type, found))  # those of a whole page are read at once where they are as nearly all ids are
    if kinds == {str} and _are_plain(found):
        return tuple(found)
    if kinds == {int} and max(map(abs, found)) < MAX_EXACT:
        return tuple(map(str, found))
    return tuple(map(primary_id, found))


def _found_ids(items: list[Any], source: Source, where: str) -> list[Any]:
    # One search a page, and not a projection: that would drop the items without an id. None where it is a plain field.
    if is_field(source.id):
        try:
            return list(map(itemgetter(source.id), items))
        except (KeyError, TypeError):
            return [item.get(source.id) if isinstance(item, dict) else None for item in items]
    found: list[Any] = search(f"map(&({source.id}), @)", items, where)
    return found


def _too_long(name: str, source: Source, items: list[Any]) -> int:
    found = _found_ids(items, source, f"sources.{name}.id")
    return sum(isinstance(id_, str) and len(id_.encode(errors="replace")) > MAX_ID_BYTES for id_ in found)


def _are_plain(texts: list[str]) -> bool:
    """Tell whether all are ASCII letters, digits and hyphens."""
    if not all(texts) or max(map(len, texts)) > MAX_ID_BYTES:
        return False
    text = "".join(texts).replace("-", "")
    return text.isascii() and text.isalnum()
