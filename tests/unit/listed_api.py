"""An application's list with everything that is known of it: what it held when, and what was asked of it.

It pages in any of the styles, shifts while it is read, caps its pages, ends in the ways that APIs end, names totals
that are right or not, and gives one odd answer. What it says is otherwise true: of an API that lies in good form, such
as by an empty last page in the middle of its list, nobody can say that it was read to its end.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from redrive.settings import Pagination, PaginationStyle, Source

NUMBERED = (PaginationStyle.PAGE, PaginationStyle.OFFSET)
LINKED = (PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER)
TOKENS = (PaginationStyle.CURSOR, *LINKED)

FILTERS: dict[str, str | tuple[str, ...]] = {"status": "failed", "kind[]": ("a b", "ü&=")}
DEFAULT_SIZE = 4
"""What the API gives on a page when it is not asked for a size."""

ODD: dict[str, Response] = {
    "page": Response("<h1>Sign in</h1>", content_type="text/html"),
    "cut off": Response('{"emails": [{"id": 1}, {"i', content_type="application/json"),
    "deep": Response("[" * 50_000, content_type="application/json"),
    "not UTF-8": Response(b'{"emails": "\xff\xfe"}', content_type="application/json"),
    "text": Response('"emails"', content_type="application/json"),
    "no list": Response('{"emails": {"id": 1}, "rows": 5}', content_type="application/json"),
    "errors": Response('{"errors": ["try again"]}', content_type="application/json"),
    **{str(status): Response("{}", status=status) for status in (302, 400, 404, 410, 418, 422, 429, 500, 503)},
}
"""Answers that are no list, one of which comes once."""


@dataclass(frozen=True)
class Shape:
    """How an API lists.

    Attributes
    ----------
    size, asks_size
        Of ``pagination``; whether the source asks for it.
    cap
        The most that a page holds.
    counts_asked
        Whether pages are counted by the size asked for, though they are capped.
    first
        The number of the first page, or of the first item.
    beyond
        What comes beyond the end of a numbered list.
    end
        What says that nothing follows, in styles with tokens; ``...`` for nothing at all.
    token
        What a next page is named by: a position, or the last item that was given, written in one of several ways.
    link
        How a next page's URL is written.
    total
        What the API says of the list's length, or of something else's, and whether the source reads it.
    filtering
        Where the filters are applied: in the query, after the pages were cut, or in ``items`` of the source.
    """

    style: PaginationStyle
    size: int
    asks_size: bool
    cap: int
    counts_asked: bool
    first: int
    beyond: str
    end: Any
    token: str
    link: str
    total: str
    reads_total: bool
    filtering: str
    is_bare: bool

    @property
    def has_gaps(self) -> bool:
        """Whether pages in the middle of a numbered list may be empty, so that its end is only believed to be one."""
        return self.style in NUMBERED and self.filtering == "after the cut"

    def source(self) -> Source:
        """Give the settings that fit."""
        pagination = Pagination(
            style=self.style,
            first_page=self.first,
            first_offset=self.first,
            size_param="limit" if self.asks_size else None,
            size=self.size if self.asks_size else DEFAULT_SIZE,
            cursor_param="page" if self.token == "page" else "offset" if self.token == "offset" else "after",
            next="paging.next",
            total="paging.count" if self.reads_total else None,
        )
        place = "@" if self.is_bare else "rows"
        in_items = self.filtering == "in items"
        return Source(
            path="/emails",
            operation="send.email",
            filters={} if in_items else FILTERS,
            pagination=pagination,
            items=("[?status=='failed']" if self.is_bare else "rows[?status=='failed']") if in_items else place,
        )


def _shape(shape: Shape) -> Shape:
    """Make one of what was drawn that an API can have."""
    if shape.style in NUMBERED or shape.style is PaginationStyle.NONE:
        shape = replace(shape, token="-", link="-", end=None)
    if shape.style is PaginationStyle.CURSOR:
        shape = replace(shape, link="-")
    if shape.style not in NUMBERED:
        shape = replace(shape, beyond="empty", first=1 if shape.token == "page" else 0)
    if shape.style is PaginationStyle.OFFSET:
        shape = replace(shape, first=min(shape.first, 1))
    if shape.style in (PaginationStyle.CURSOR, PaginationStyle.NEXT_URL) or shape.reads_total:
        shape = replace(shape, is_bare=False)
    if shape.total == "none" or shape.is_bare:
        shape = replace(shape, total="none", reads_total=False)
    if shape.total == "elsewhere":
        shape = replace(shape, reads_total=False)
    if shape.style is not PaginationStyle.PAGE or not shape.asks_size:
        shape = replace(shape, counts_asked=False)
    if shape.counts_asked and shape.total == "short":
        shape = replace(shape, total="right")  # it would say that the cut list is whole
    if shape.style is PaginationStyle.NONE or shape.filtering == "after the cut":
        shape = replace(shape, cap=1000)
    return shape


SHAPES = st.builds(
    Shape,
    style=st.sampled_from([*NUMBERED, *TOKENS, PaginationStyle.NONE]),
    size=st.integers(1, 7),
    asks_size=st.booleans(),
    cap=st.sampled_from([1000, 1000, 2, 3, 5]),
    counts_asked=st.booleans(),
    first=st.integers(0, 3),
    beyond=st.sampled_from(["empty", "null", "last", "204", "400", "404", "416", "422"]),
    end=st.sampled_from([None, ..., "", False, 0]),
    token=st.sampled_from(["page", "offset", "pair", "id", "number", "base64", "odd"]),
    link=st.sampled_from(["whole", "path", "query", "bare", "blank", "absolute"]),
    total=st.sampled_from(["none", "none", "right", "text", "unfiltered", "short", "elsewhere"]),
    reads_total=st.booleans(),
    filtering=st.sampled_from(["query", "query", "after the cut", "in items"]),
    is_bare=st.booleans(),
).map(_shape)


@dataclass(frozen=True)
class Item:
    """One of the list; in order of ``number``."""

    number: int
    is_failed: bool = True

    @property
    def id(self) -> str:
        """As the lister knows it."""
        return str(self.number) if self.number % 2 else f"em-{self.number}"


@dataclass(frozen=True)
class Change:
    """What happens to the list before the request of a number: some leave it, some join it at either end."""

    at: int
    leaving: frozenset[int] = frozenset()
    joining: int = 0
    joining_in_front: int = 0


@dataclass
class ListedApi:
    """A list of a shape, as a server's application.

    Attributes
    ----------
    held
        Every id that was failed at some time.
    throughout
        Those that were from the first to the last request.
    wrong
        What was asked that should not have been.
    """

    shape: Shape
    items: list[Item]
    change: Change = Change(-1)
    odd_at: int = -1
    odd: str = ""
    asked: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held = {item.id for item in self.items if item.is_failed}
        self.throughout = set(self.held)

    def __call__(self, request: Request) -> Response:
        """Answer."""
        number, self.asked = self.asked, self.asked + 1
        if number == self.change.at:
            self._change()
        if number == self.odd_at:
            return ODD[self.odd]
        expected = (
            [] if self.shape.filtering == "in items" else [("status", "failed"), ("kind[]", "a b"), ("kind[]", "ü&=")]
        )
        given = [(name, value) for name, value in request.args.items(multi=True) if name in ("status", "kind[]")]
        if sorted(given) != sorted(expected):
            self.wrong.append(request.full_path)
        return self._page(request)

    def _change(self) -> None:
        change = self.change
        gone = {item.number for item in self.items if item.number in change.leaving}
        self.items = [item for item in self.items if item.number not in gone]
        first = min((item.number for item in self.items), default=0)
        last = max((item.number for item in self.items), default=0)
        front = [Item(first - n) for n in range(change.joining_in_front, 0, -1)]
        back = [Item(last + n) for n in range(1, change.joining + 1)]
        self.items = front + self.items + back
        still = {item.id for item in self.items if item.is_failed}
        self.throughout &= still
        self.held |= still

    def _page(self, request: Request) -> Response:
        shape, args = self.shape, request.args
        listed = [item for item in self.items if item.is_failed or shape.filtering != "query"]
        asked = int(args["limit"]) if args.get("limit") else DEFAULT_SIZE
        size = min(asked, shape.cap)
        step = asked if shape.counts_asked else size
        start = self._start(request, listed, step, size)
        if shape.style is PaginationStyle.NONE:
            size = len(listed)
        is_beyond = shape.style in NUMBERED and start > 0 and start >= len(listed)
        if is_beyond and shape.beyond == "last":
            start = (len(listed) - 1) // step * step if listed else 0
        elif is_beyond and shape.beyond != "empty":
            return Response("null") if shape.beyond == "null" else Response(status=int(shape.beyond))
        shown = listed[start : start + size]
        following = start + step
        has_next = shape.style in TOKENS and following < len(listed)
        if shape.filtering == "after the cut":
            shown = [item for item in shown if item.is_failed]
        return self._answer(request, listed, shown, listed[following - 1] if has_next else None, following, size)

    def _start(self, request: Request, listed: list[Item], step: int, size: int) -> int:
        """Read where a page begins."""
        shape, args = self.shape, request.args
        if shape.style is PaginationStyle.PAGE:
            return (int(args["page"]) - shape.first) * step
        if shape.style is PaginationStyle.OFFSET:
            return int(args["offset"]) - shape.first
        if shape.token == "page":
            return (int(args.get("page", 1)) - 1) * size
        if shape.token == "offset":
            return int(args.get("offset", 0))
        if "after" not in args:
            return 0
        if shape.token == "pair":
            return int(json.loads(base64.b64decode(args["after"]))["offset"])
        last = {
            "id": lambda text: int(text.removeprefix("em-")),
            "number": int,
            "base64": lambda text: int(base64.b64decode(text)),
            "odd": lambda text: int(text.split("#")[1]),
        }[shape.token](args["after"])
        return sum(item.number <= last for item in listed)

    def _token(self, last: Item, following: int, size: int) -> str | int:
        return {
            "page": following // size + 1,
            "offset": following,
            "pair": base64.b64encode(json.dumps({"offset": following, "limit": size}).encode()).decode(),
            "id": last.id,
            "number": last.number or "00",  # a bare 0 says that nothing follows
            "base64": base64.b64encode(str(last.number).encode()).decode(),
            "odd": f'a b&page=1;c="d"+/%2F?#{last.number}#é',
        }[self.shape.token]

    def _url(self, request: Request, token: str | int, size: int) -> str:
        """Write the URL of a next page; what it leaves out of filters and size, the lister must put back."""
        link, name = self.shape.link, self.shape.source().pagination.cursor_param
        own = f"{name}={quote(str(token), safe='')}"
        kept = (
            [] if self.shape.filtering == "in items" else ["status=failed", "kind%5B%5D=a+b", "kind%5B%5D=%C3%BC%26%3D"]
        )
        whole = "&".join([*kept, f"limit={size}", own])
        return {
            "whole": f"/emails?{whole}",
            "absolute": f"{request.host_url}emails?{whole}#top",
            "path": f"/emails?{own}",
            "query": f"?{own}&limit={size}",
            "bare": f"emails?{own}",
            "blank": f"/emails?status=&limit=&{own}" if kept else f"/emails?{own}",
        }[link]

    def _answer(
        self, request: Request, listed: list[Item], shown: list[Item], last: Item | None, following: int, size: int
    ) -> Response:
        shape = self.shape
        rows = [
            {"id": item.number if item.number % 2 else item.id, "status": "failed" if item.is_failed else "sent"}
            for item in shown
        ]
        paging: dict[str, Any] = {}
        headers = {}
        token = None if last is None else self._token(last, following, size)
        if shape.style is PaginationStyle.LINK_HEADER:
            if token is not None:
                headers["Link"] = f'</emails>; rel="first", <{self._url(request, token, size)}>; title="a, b"; REL=Next'
            elif shape.end is not ...:
                headers["Link"] = '</emails>; rel="first"'
        elif shape.style in TOKENS:
            if token is not None:
                paging["next"] = token if shape.style is PaginationStyle.CURSOR else self._url(request, token, size)
            elif shape.end is not ...:
                paging["next"] = shape.end
        beside = {}
        if shape.total == "elsewhere":
            beside["_shards"] = {"total": len(listed) // 2}
        elif shape.total != "none":
            matching = len(listed) if shape.filtering != "after the cut" else sum(item.is_failed for item in listed)
            count = {
                "right": matching,
                "text": str(matching),
                "unfiltered": len(self.items) + 3,
                "short": matching // 2,
            }
            paging["count" if shape.reads_total else "total"] = count[shape.total]
        body = rows if shape.is_bare else {**beside, "rows": rows, "paging": paging}
        return Response(json.dumps(body), content_type="application/json", headers=headers)
