"""A list counts as read to its end on evidence only; whatever else happens is said, and names what to change."""

from __future__ import annotations

import gzip
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.wrappers import Request, Response

from redrive import clock
from redrive.api import Api
from redrive.listing import Listing
from redrive.models import Communication
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, Source
from redrive.transport import listing_retry
from tests.unit.support import ScriptedApi, as_json, source
from tests.waiting import without_waiting

Answer = Callable[[Request], Response]

NUMBERED = [PaginationStyle.PAGE, PaginationStyle.OFFSET]
TOKENS = [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER]


@pytest.fixture
def read(settings: ApiSettings) -> Callable[..., tuple[list[str], Listing]]:
    """Read one source to its end; give the ids and the listing."""

    def reading(email: Source, **more: Any) -> tuple[list[str], Listing]:
        listing = Listing({"email": email}, Api(settings, without_waiting, Secrets()), lambda: True, **more)
        return [communication.primary_id for communication in listing], listing

    return reading


Read = Callable[..., tuple[list[str], Listing]]


def ids(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def items(found: Sequence[Any]) -> list[Any]:
    return [item if isinstance(item, dict) else {"id": item} for item in found]


def page_number(request: Request, first: int = 1) -> int:
    return int(request.args["page"]) - first


def numbered(
    listed: Callable[[], Sequence[Any]] | Sequence[Any],
    beyond: Callable[[], Response] | None = None,
    cap: int = 10_000,
    **more: Any,
) -> Answer:
    """Serve a list by page number or by offset, with an answer of its own beyond the end."""

    def answer(request: Request) -> Response:
        all_of_it = items(listed() if callable(listed) else listed)
        size = min(int(request.args.get("limit", 10)), cap)
        start = page_number(request) * size if "page" in request.args else int(request.args["offset"])
        shown = all_of_it[start : start + size]
        if beyond and start and not shown:
            return beyond()
        return as_json({"emails": shown, **more})

    return answer


def page_of(
    style: PaginationStyle, shown: Sequence[Any], token: object, param: str = "cursor", **more: Any
) -> Response:
    """Answer with a page and what names the next one in a style with tokens; None says that nothing follows."""
    url = token if style is PaginationStyle.CURSOR or token is None else f"/emails?{param}={token}"
    link = f"<{url}>; rel=next" if url else "</emails>; rel=first"
    headers = {"Link": link} if style is PaginationStyle.LINK_HEADER else {}
    return as_json({"emails": items(shown), "next": url, **more}, **headers)


def complete(listing: Listing) -> bool:
    """Whether the source counts as read to its end; if so the listing says why, if not, it says what is wrong."""
    assert bool(listing.evidence) == ("email" in listing.complete)
    assert listing.complete or listing.problems or listing.truncated
    return "email" in listing.complete


def whole(done: tuple[list[str], Listing]) -> list[str]:
    """Give the ids of a list that was read to its end."""
    found, listing = done
    assert complete(listing)
    return found


# Filters and size travel.


@pytest.mark.parametrize("style", [PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER])
@pytest.mark.parametrize(
    "link",
    ["/emails?page={}", "?page={}", "http://{{host}}/emails?page={}#top", "/emails?status=&page={}&limit="],
)
def test_filters_and_size_that_a_next_link_lacks_are_put_back(
    api: ScriptedApi, read: Read, style: PaginationStyle, link: str
) -> None:
    def answer(request: Request) -> Response:
        failed = request.args.get("status") == "failed" and request.args.get("kind") == "a b"
        listed = items(ids(25) if failed else range(100, 200))
        number, size = int(request.args.get("page", 1)), int(request.args.get("limit") or 2)
        url = link.format(number + 1).replace("{host}", request.host) if number * size < len(listed) else None
        headers = {"Link": f"<{url}>; rel=next"} if url and style is PaginationStyle.LINK_HEADER else {}
        return as_json({"emails": listed[(number - 1) * size : number * size], "next": url}, **headers)

    api.answer = answer
    assert whole(read(source(style, filters={"status": "failed", "kind": "a b"}))) == ids(25)
    assert {request.args["limit"] for request in api.requests} == {"10"}


@pytest.mark.parametrize(
    ("link", "query"),
    [
        ("/emails?status=FAILED&limit=7&page=2", "status=FAILED&limit=7&page=2"),
        ("/emails?page=2&cursor=a%2Bb/c==&x", "page=2&cursor=a%2Bb/c==&x&status=failed&limit=10"),
        ("/emails?page=2&%73tatus=f", "page=2&status=f&limit=10"),
        ("/emails?limit=7&amp;status=failed&amp;page=2", "limit=7&status=failed&page=2"),
    ],
)
def test_what_a_next_link_has_stays_as_it_is(api: ScriptedApi, read: Read, link: str, query: str) -> None:
    api.answers(as_json({"emails": items(ids(10)), "next": link}), as_json({"emails": [], "next": None}))
    read(source(PaginationStyle.NEXT_URL))
    assert api.requests[1].query_string.decode() == query


def test_what_the_lister_asks_for_goes_before_a_filter_of_that_name(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(13))
    assert read(source(filters={"limit": "3", "page": "2"}))[0] == ids(13)
    assert {(*request.args.getlist("limit"), *request.args.getlist("page")) for request in api.requests} >= {
        ("10", "1")
    }


def test_a_filter_without_a_value_travels_too(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(10)), "next": "?page=2"}), as_json({"emails": [], "next": None}))
    read(source(PaginationStyle.NEXT_URL, filters={"sent": ""}))
    assert api.requests[1].query_string.decode() == "page=2&sent=&limit=10"


def test_a_filter_with_several_values_is_sent_as_often_on_every_page(api: ScriptedApi, read: Read) -> None:
    def answer(request: Request) -> Response:
        assert request.args.getlist("status[]") == ["failed", "bounced"]
        return numbered(ids(25))(request)

    api.answer = answer
    filters = {"status[]": ("failed", "bounced")}
    for style in NUMBERED:
        assert read(source(style, filters=filters))[0] == ids(25)


@pytest.mark.parametrize(
    ("name", "link", "query"),
    [
        ("status", "/emails?status=bounced&page=2", "page=2&status=failed&status=bounced&limit=10"),
        ("status", "/emails?status=failed&page=2&status=bounced", "status=failed&page=2&status=bounced&limit=10"),
        (
            "status[]",
            "/emails?status%5B0%5D=failed&status%5B1%5D=bounced&limit=10&page=2",
            "status%5B0%5D=failed&status%5B1%5D=bounced&limit=10&page=2",
        ),
    ],
)
def test_a_filter_with_several_values_travels_along_next_links(
    api: ScriptedApi, read: Read, name: str, link: str, query: str
) -> None:
    api.answers(as_json({"emails": items(ids(10)), "next": link}), as_json({"emails": [], "next": None}))
    read(source(PaginationStyle.NEXT_URL, filters={name: ("failed", "bounced")}))
    assert api.requests[1].query_string.decode() == query


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize("status", [400, 403, 422])
def test_an_api_that_takes_nothing_beside_its_token_is_told_what_was_put_back(
    api: ScriptedApi, read: Read, style: PaginationStyle, status: int
) -> None:
    """As Shopify with its ``page_info``."""

    def answer(request: Request) -> Response:
        if "cursor" in request.args and len(request.args) > 1:
            return as_json({"errors": "status cannot be passed when cursor is present"}, status)
        start = int(request.args.get("cursor", "t0")[1:])
        token = f"t{start + 10}" if start + 10 < 25 else None
        url = token and f"/emails?cursor={token}"
        headers = {"Link": f"<{url}>; rel=next"} if url else {"Link": "</emails>; rel=first"}
        return as_json({"emails": items(ids(25)[start : start + 10]), "next": token, "url": url}, **headers)

    api.answer = answer
    more = {"next": "next" if style is PaginationStyle.CURSOR else "url"}
    found, listing = read(source(style, pagination=more))
    assert found == ids(10)
    assert not complete(listing)
    assert any("it may not take what was put back (status, limit)" in problem for problem in listing.problems)
    assert not any("if the API does not take 'limit'" in problem for problem in listing.problems)
    if style is not PaginationStyle.CURSOR:  # what the words advise
        advised = source(style, path="/emails?status=failed", filters={}, pagination={**more, "size_param": None})
        found, listing = read(advised)
        assert found == ids(25)
        assert complete(listing)


# Bounds.


def test_an_api_that_ignores_the_page_is_asked_a_few_times_only(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(5))}))
    assert read(source(id="uuid"))[0] == []
    assert len(api.requests) < 8


@pytest.mark.parametrize("style", [*NUMBERED, PaginationStyle.CURSOR])
@pytest.mark.parametrize("spoilt", ["one id", "no id", "nothing", "leaves out"])
def test_a_list_that_never_ends_is_left(api: ScriptedApi, read: Read, style: PaginationStyle, spoilt: str) -> None:
    def answer(request: Request) -> Response:
        number = len(api.requests)
        shown = {
            "one id": [{"id": 1, "at": number}],
            "no id": [{"at": number}],
            "nothing": [],
            "leaves out": [{"id": number, "status": "sent"}],
        }
        return as_json({"emails": shown[spoilt], "next": f"token {number}"})

    api.answer = answer
    expression = "emails[?status=='failed']" if spoilt == "leaves out" else "emails"
    _, listing = read(source(style, items=expression))
    assert len(api.requests) < (15 if spoilt in ("one id", "no id") else 150)
    assert complete(listing) == (spoilt == "nothing" and style in NUMBERED)


def test_a_page_that_comes_again_under_new_tokens_ends_the_list(api: ScriptedApi, read: Read) -> None:
    api.answer = lambda request: as_json({"emails": items(ids(10)), "next": f"token {len(api.requests)}"})
    found, listing = read(source(PaginationStyle.CURSOR))
    assert found == ids(10)
    assert not complete(listing)
    assert "does the API know 'cursor'" in listing.problems[0]
    assert len(api.requests) < 4


# The end, judged by the page as the API gave it.


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("matching", [range(10, 40), [*range(10), *range(20, 25)], [36], []])
def test_a_page_without_a_match_is_not_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, matching: Sequence[int]
) -> None:
    listed = [{"id": str(number), "status": "failed" if number in matching else "sent"} for number in range(37)]
    api.answer = numbered(listed)
    assert whole(read(source(style, items="emails[?status=='failed']"))) == [
        str(number) for number in range(37) if number in matching
    ]


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("present", [[0, 2, 3], [1, 2], [0, 1, 3], [0, 2, 4], [0, 2, 6]])
def test_an_empty_page_in_the_middle_is_passed(
    api: ScriptedApi, read: Read, style: PaginationStyle, present: list[int]
) -> None:
    """An API that leaves items out after it has cut the pages gives empty ones in the middle."""
    listed = [{"id": str(number), "shown": number // 10 in present} for number in range(10 * max(present) + 7)]

    def answer(request: Request) -> Response:
        start = page_number(request) * 10 if "page" in request.args else int(request.args["offset"])
        return as_json({"emails": [item for item in listed[start : start + 10] if item["shown"]]})

    api.answer = answer
    assert whole(read(source(style))) == [item["id"] for item in listed if item["shown"]]


def test_empty_pages_with_a_next_token_are_passed(api: ScriptedApi, read: Read) -> None:
    pages = [ids(0)] * 30 + [["a"]] + [ids(0)] * 3

    def answer(request: Request) -> Response:
        number = int(request.args.get("cursor", 0))
        return as_json({"emails": items(pages[number]), "next": number + 1 if number + 1 < len(pages) else None})

    api.answer = answer
    assert whole(read(source(PaginationStyle.CURSOR))) == ["a"]


@pytest.mark.parametrize("style", TOKENS)
def test_empty_pages_whose_next_ones_are_numbers_are_passed(
    api: ScriptedApi, read: Read, style: PaginationStyle
) -> None:
    def answer(request: Request) -> Response:
        number = int(request.args.get("page", 1))
        return page_of(style, [], number + 1 if number < 3 else None, "page")

    api.answer = answer
    assert whole(read(source(style, pagination={"cursor_param": "page"}))) == []


# A next token where it is not looked for.


@pytest.mark.parametrize(
    "more",
    [
        {"meta": {"next": "b"}},
        {"links": {"next": {"href": "/emails?c=b"}}},
        {"has_more": True},
        {"nextPageToken": "b"},
        {},
    ],
)
def test_a_full_first_page_without_a_next_token_is_not_the_end(
    api: ScriptedApi, read: Read, more: dict[str, Any]
) -> None:
    api.answer = lambda request: as_json({"emails": items(ids(25)[: int(request.args["limit"])]), **more})
    found, listing = read(source(PaginationStyle.CURSOR))
    assert found == ids(10)
    assert not complete(listing)
    assert "sources.email.pagination.next" in listing.problems[0]


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize(("least", "refusal"), [(1, 0), (5, 400), (5, 422)])
@pytest.mark.parametrize("names_next", [True, False])
def test_a_list_that_is_one_full_page_ends_there(
    api: ScriptedApi, read: Read, style: PaginationStyle, least: int, refusal: int, names_next: bool
) -> None:
    """The API says nothing at its end; that it speaks where there is more shows when fewer are asked for."""

    def answer(request: Request) -> Response:
        size = int(request.args["limit"])
        if size < least:
            return as_json({"error": f"limit: at least {least}"}, refusal)
        if size >= 10 or not names_next:
            return as_json({"emails": items(ids(10)[:size])})
        return page_of(style, ids(size), "b")

    api.answer = answer
    found, listing = read(source(style))
    assert found == ids(10)
    assert complete(listing) == names_next


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize(("least", "is_refused"), [(1, False), (5, False), (10, False), (5, True), (10, True)])
def test_a_capped_page_without_a_next_is_not_the_end_where_the_api_gives_no_page_of_one_item(
    api: ScriptedApi, read: Read, style: PaginationStyle, least: int, is_refused: bool
) -> None:
    """It gives 20 of the 100 asked for, and names the next page where nobody looks; too few it refuses or rounds up."""

    def answer(request: Request) -> Response:
        size = int(request.args["limit"])
        if is_refused and size < least:
            return as_json({"error": f"limit: at least {least}"}, 400)
        return as_json({"emails": items(ids(200)[: min(max(size, least), 20)]), "kursor": "b"})

    api.answer = answer
    found, listing = read(source(style, size=100))
    assert found == ids(20)
    assert not complete(listing)
    assert "nothing shows whether more follow" in listing.problems[0]


@pytest.mark.parametrize("style", [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL])
@pytest.mark.parametrize("expression", ["has_more && next", "next && has_more == `true` && next"])
def test_what_next_itself_names_as_the_end_goes_before_a_token_that_stays(
    api: ScriptedApi, read: Read, style: PaginationStyle, expression: str
) -> None:
    """Zendesk's links.next, for one, stands on the last page too."""
    pages = {"0": (ids(10), True), "1": ([*ids(14)[10:]], False)}

    def answer(request: Request) -> Response:
        number = request.args.get("c") or request.args.get("cursor") or "0"
        listed, more = pages[number]
        follows = int(number) + 1
        url = f"/emails?c={follows}" if style is PaginationStyle.NEXT_URL else str(follows)
        return as_json({"emails": items(listed), "has_more": more, "next": url})

    api.answer = answer
    found, listing = read(source(style, pagination={"next": expression}))
    assert found == ids(14)
    assert complete(listing)
    assert not listing.problems


def test_what_next_takes_from_the_list_is_not_looked_for_where_that_is_gone(api: ScriptedApi, read: Read) -> None:
    expression = "length(emails) == `10` && max_by(emails, &id).id || `null`"
    api.answers(as_json({"emails": items(ids(10))}), as_json({"emails": items(["x"]), "links": {"next": "y"}}))
    (problem,) = read(source(PaginationStyle.CURSOR, pagination={"next": expression}))[1].problems
    assert "the last answer says in links.next that more follow" in problem


@pytest.mark.parametrize("style", [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL])
def test_no_content_behind_a_next_page_is_the_end_where_it_stays(
    api: ScriptedApi, read: Read, style: PaginationStyle
) -> None:
    first = as_json({"emails": items(ids(10)), "next": "/emails?c=b"})
    api.answers(first, Response(status=204), Response(status=204), first, Response(status=204))
    found, listing = read(source(style))
    assert found == ids(10)
    assert complete(listing)
    api.answers(first, Response(status=204), as_json({"emails": items(["x"]), "next": None}))
    found, listing = read(source(style))
    assert found == [*ids(10), "x"]
    assert complete(listing)


@pytest.mark.parametrize("style", TOKENS)
def test_the_error_for_a_next_page_that_is_not_there_is_not_that_of_a_wrong_path(
    api: ScriptedApi, read: Read, style: PaginationStyle
) -> None:
    first = as_json({"emails": items(ids(10)), "next": "/emails?c=b"}, Link="</emails?c=b>; rel=next")
    api.answers(first, Response(status=404))
    (problem,) = read(source(style))[1].problems
    assert problem.endswith("GET /emails: HTTP 404 Not Found for the next page that the API named")


@pytest.mark.parametrize("style", [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL])
@pytest.mark.parametrize("end", [None, "", False, 0, -1, "-1", "null", " None", "No", "undefined", "#", {}, []])
def test_an_answer_that_says_that_nothing_follows_is_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, end: Any
) -> None:
    api.answers(as_json({"emails": items(ids(10)), "next": end}))
    assert whole(read(source(style))) == ids(10)
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    "expression", ["paging.next", "data.paging.next", "data.emails.page.next", "data | paging.next"]
)
def test_null_is_an_end_however_deep_it_stands(api: ScriptedApi, read: Read, expression: str) -> None:
    paging = {"paging": {"next": None}}
    api.answers(as_json({"emails": items(ids(10)), **paging, "data": {**paging, "emails": {"page": {"next": None}}}}))
    _, listing = read(source(PaginationStyle.CURSOR, pagination={"next": expression}))
    assert complete(listing)
    assert len(api.requests) == 1


def sized(count: int, /, cap: int = 10_000, **more: Callable[[int], Any]) -> Answer:
    """Serve the first page of a list, as long as asked for up to a cap; of what it says more, by how many it gives."""

    def answer(request: Request) -> Response:
        shown = ids(count)[: min(int(request.args.get("limit", 10)), cap)]
        return as_json({"emails": items(shown), **{name: value(len(shown)) for name, value in more.items()}})

    return answer


@pytest.mark.parametrize("style", TOKENS)
def test_a_total_that_stays_where_fewer_are_asked_for_is_the_lists(
    api: ScriptedApi, read: Read, style: PaginationStyle
) -> None:
    api.answer = sized(10, total=lambda _: 10)
    assert whole(read(source(style))) == ids(10)
    assert len(api.requests) == 2


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize("name", ["total", "total_count", "count"])
def test_a_total_that_is_the_pages_own_length_is_no_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, name: str
) -> None:
    """The API pages by a token of a name that nobody knows, and calls total what is on the page."""
    api.answer = sized(25, **{name: lambda shown: shown, "bookmark": lambda _: "abc"})
    found, listing = read(source(style))
    assert found == ids(10)
    assert not complete(listing)


@pytest.mark.parametrize("style", [PaginationStyle.NONE, *NUMBERED])
def test_a_total_that_is_the_pages_own_length_hides_nothing(
    api: ScriptedApi, read: Read, style: PaginationStyle
) -> None:
    def answer(request: Request) -> Response:
        start = int(request.args.get("offset", 0)) if style is not PaginationStyle.PAGE else page_number(request) * 10
        if len(api.requests) == 2 and style is not PaginationStyle.NONE:
            return Response(status=404)  # and it passes
        shown = ids(47)[start : start + 10]
        return as_json({"emails": items(shown), "total": len(shown)})

    api.answer = answer
    found, listing = read(source(style))
    assert found == (ids(10) if style is PaginationStyle.NONE else ids(47))
    assert complete(listing) == (style is not PaginationStyle.NONE)


@pytest.mark.parametrize("count", [10, 100])
def test_an_only_page_that_is_given_again_may_be_the_total(api: ScriptedApi, read: Read, count: int) -> None:
    api.answer = sized(count, total=lambda _: count)
    assert whole(read(source(size=count))) == ids(count)


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize("cap", [10, 50])
def test_a_page_that_is_cut_short_and_names_nothing_is_not_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, cap: int
) -> None:
    api.answer = sized(300, cap=cap, bookmark=lambda _: "abc")
    found, listing = read(source(style, size=100))
    assert found == ids(cap)
    assert not complete(listing)
    assert f"may be full ({cap} items)" in listing.problems[0]


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize("one", ["refused", "all of it", "named"])
def test_a_page_with_room_for_more_ends_a_list_where_nothing_speaks_against_it(
    api: ScriptedApi, read: Read, style: PaginationStyle, one: str
) -> None:
    def answer(request: Request) -> Response:
        if request.args["limit"] == "1" and one == "refused":
            return as_json({}, 400)
        if request.args["limit"] == "1" and one == "named":
            return page_of(style, ids(1), "b")
        return as_json({"emails": items(ids(37))})

    api.answer = answer
    assert whole(read(source(style, size=100))) == ids(37)


@pytest.mark.parametrize(
    ("style", "more"),
    [
        (PaginationStyle.PAGE, {"pages": 25}),
        (PaginationStyle.PAGE, {"meta": {"last_page": "25"}}),
        (PaginationStyle.OFFSET, {"page": {"totalPages": 25}}),
        (PaginationStyle.CURSOR, {"num_pages": 25}),
        (PaginationStyle.NEXT_URL, {"nbPages": 25}),
    ],
)
def test_fewer_pages_than_the_api_says_are_not_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, more: dict[str, Any]
) -> None:
    """It knows none of the parameters, and gives five by itself."""
    api.answers(as_json({"emails": items(ids(5)), **more}))
    found, listing = read(source(style))
    assert found == ids(5)
    assert not complete(listing)
    assert "there are 25 pages, and " in listing.problems[0] or "does the API know 'page'" in listing.problems[0]


@pytest.mark.parametrize("pages", [1, 2])
def test_one_page_fewer_than_the_api_says_is_not_the_end(api: ScriptedApi, read: Read, pages: int) -> None:
    api.answers(as_json({"emails": items(ids(3)), "next": None, "num_pages": pages}))
    assert complete(read(source(PaginationStyle.CURSOR))[1]) == (pages == 1)


def test_pages_that_went_meanwhile_are_no_problem(api: ScriptedApi, read: Read) -> None:
    def answer(request: Request) -> Response:
        left = ids(47) if len(api.requests) == 1 else ids(3)
        return numbered(left, pages=-(-len(left) // 10))(request)

    api.answer = answer
    assert whole(read(source())) == ids(10)


# What an answer says against itself.


@pytest.mark.parametrize(
    "wrong",
    [
        {"error": "the database is down"},
        {"errors": [{"message": "no replica"}]},
        {"success": False, "message": "try again"},
        {"ok": False},
        {"status": "error"},
        {"status": 500},
        {"code": 503},
        {"timed_out": True},
        {"_shards": {"total": 5, "failed": 1}},
        {"incomplete_results": True},
        {"Success": "False"},
        {"success": 0},
        {"ok": "no", "filter": {"archived": False}},
        {"result": "error"},
        {"statusCode": "500"},
        {"error_code": 17},
        {"errorMessages": ["try again"]},
        {"isError": True},
        {"fault": {"faultstring": "try again"}},
        {"meta": {"error": "try again"}},
        {"status": {"code": 500}},
        {"responseHeader": {"status": 0, "partialResults": True}},
    ],
)
@pytest.mark.parametrize("listed", [[], None, ids(3)])
@pytest.mark.parametrize("style", [PaginationStyle.NONE, PaginationStyle.PAGE, PaginationStyle.CURSOR])
def test_a_list_that_speaks_against_itself_is_not_complete(
    api: ScriptedApi, read: Read, style: PaginationStyle, listed: list[str] | None, wrong: dict[str, Any]
) -> None:
    api.answers(as_json({"emails": items(listed) if listed else listed, "next": None, **wrong}))
    found, listing = read(source(style))
    assert found == (listed or [])
    assert not complete(listing)
    assert "the answer says in " in listing.problems[0]


@pytest.mark.parametrize("style", NUMBERED)
def test_an_error_that_passes_is_no_end(api: ScriptedApi, read: Read, style: PaginationStyle) -> None:
    serve = numbered(ids(47))
    api.answer = lambda request: as_json({"emails": [], "success": False}) if len(api.requests) == 2 else serve(request)
    assert whole(read(source(style))) == ids(47)


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ({"error": None, "errors": [], "success": True, "ok": True, "status": "ok", "code": 0, "timed_out": False}, {}),
        ({"error": "", "errors": "0", "status": 200, "_shards": {"failed": 0}, "errors_count": 3}, {}),
        ({"status": "failed", "kind": "error"}, {}),
        ({"status": "error"}, {"filters": {"status": ("error", "bounced")}}),
        ({"errors": 3, "success": 0, "failed": 3, "result": 500}, {}),
        ({"error_code": 0, "errcode": "Success", "exception": None, "meta": {"code": 200, "error": "none"}}, {}),
        ({"success": False}, {"filters": {"success": "false"}}),
    ],
)
def test_what_only_looks_like_an_error_is_none(
    api: ScriptedApi, read: Read, more: dict[str, Any], changes: dict[str, Any]
) -> None:
    api.answers(as_json({"emails": items(ids(3)), **more}))
    assert complete(read(source(PaginationStyle.NONE, **changes))[1])


def test_a_list_of_errors_is_a_list(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"errors": items(ids(3))}))
    assert whole(read(source(PaginationStyle.NONE, items="errors"))) == ids(3)


@pytest.mark.parametrize("header", ["/emails?c=2>; rel=next", ""])
def test_a_link_header_with_other_links_says_that_nothing_follows(api: ScriptedApi, read: Read, header: str) -> None:
    links = '</emails>; rel="first prev"' + (f", <{header}; anchor=/sms" if header else "")
    api.answers(as_json({"emails": items(ids(10))}, Link=links))
    assert complete(read(source(PaginationStyle.LINK_HEADER))[1])


@pytest.mark.parametrize(
    "link",
    [
        '</emails?cursor=2>; rel="next last"',
        "</emails?cursor=2>; REL=NEXT",
        "<?cursor=2>; title=\"a, b; <c>; rel=prev\"; rel='x'; rel=prev, <emails?cursor=2>; rel=next",
        '</sms>; rel=next; anchor="/sms", </emails?cursor=2>; rel=next; anchor=""',
    ],
)
def test_a_next_link_is_read_as_rfc_8288_writes_it(api: ScriptedApi, read: Read, link: str) -> None:
    def answer(request: Request) -> Response:
        if request.args.get("cursor"):
            return as_json({"emails": items(["last"])})
        return as_json({"emails": items(ids(10))}, Link=link)

    api.answer = answer
    assert whole(read(source(PaginationStyle.LINK_HEADER))) == [*ids(10), "last"]


# A list that the source takes for one answer.


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({"total": 500}, None),
        ({"meta": {"totalCount": 500}}, None),
        ({"page": {"totalPages": 25}}, None),
        ({"links": {"next": "/emails?page=2"}}, None),
        ({"@odata.nextLink": "/emails?page=2"}, None),
        ({"count": 500, "next": None}, None),
        ({"total": {"value": 500}}, None),
        ({"count": 500}, None),
        ({"total": "500"}, None),
        ({"total": 500.0}, None),
        ({"meta": {"count": 500}}, None),
        ({"pagination": {"count": "500"}}, None),
        ({"total": {"value": 20, "relation": "gte"}, "has_more": "true"}, None),
        ({"has_more": 1}, None),
        ({"hasMoreItems": True}, None),
        ({"isLast": False}, None),
        ({"isLastPage": False, "nextPageStart": 20}, None),
        ({"page": {"totalPages": "25"}}, None),
        ({"nbPages": 25}, None),
        ({"NextContinuationToken": "abc"}, None),
        ({"LastEvaluatedKey": {"id": {"S": "20"}}}, None),
        ({"more": "yes"}, None),
        ({"nextKey": "20"}, None),
        ({"last": False}, None),
        ({"hydra:view": {"hydra:next": "/emails?page=2"}}, None),
        ({"data": {"emails": {"pageInfo": {"hasNextPage": True}}}}, None),
        ({"paging": {"next": {"after": "20"}}}, None),
        ({"links": [{"rel": "self", "href": "/emails"}, {"rel": "next", "href": "/emails?page=2"}]}, None),
        ({"link": [{"relation": "next", "url": "/emails?page=2"}]}, None),
        ({"metadata": {"continue": "eyJ2Ijo"}}, None),
        ({"metadata": {"remainingItemCount": 30}}, None),
        ({"more_emails_url": "/emails?page=2"}, None),
        ({"truncated": True, "moreResult": True}, None),
        ({"end_of_stream": False}, None),
        ({"lastPage": False}, None),
        ({"isLast": 0}, None),
        ({"moreResultsExist": True}, None),
        ({"remaining_count": 30}, None),
        ({"response": {"cursor": 0, "results": [], "count": 20, "remaining": 30}}, None),
        ({"next_batch": "s72594"}, None),
        ({"nextIndex": 20}, None),
        ({"resumptionToken": "abc"}, None),
        ({"links": [{"rel": ["self"], "href": "/emails"}, {"rel": ["next"], "href": "/emails?page=2"}]}, None),
        ({"links": [{"rel": "Next", "href": "/emails?page=2"}]}, None),
        ({"meta": {"filter_count": 500}}, None),
        ({"emailsCount": 500}, None),
        ({"total_emails": 500}, None),
        ({"totalFound": 500}, None),
        ({"total": "1,234"}, None),
        ({"done": False}, None),
        ({"data": {"isComplete": False}}, None),
        ({"eof": False}, None),
        ({"isFinalPage": False}, None),
        ({"exceededTransferLimit": True}, None),
        ({"resultsTruncated": True}, None),
        ({"sizeLimitExceeded": True}, None),
        ({"moreComing": True}, None),
        ({"isNextPageAvailable": True}, None),
        ({"itemCount": 500}, None),
        ({"hitCount": 500}, None),
        ({"numResults": 500}, None),
        ({"numberOfItems": 500}, None),
        ({"cnt": 500}, None),
        ({"recordTotal": 500}, None),
        ({"resultSet": {"total": 500}}, None),
        ({"size": 500, "pagelen": 20}, None),
        ({"found": 500, "out_of": 900}, None),
        ({"lastPageNumber": 25}, None),
        ({"num_of_pages": 25}, None),
        ({"nextPageState": "abc"}, None),
        ({"next_since_id": 20}, None),
        ({}, {"Paging-Headers": '{"totalCount": 500}'}),
        ({"total": "500.0"}, None),
        ({}, {"Link": '</emails?page=2>; rel="last next"'}),
        ({}, {"X-Total-Count": "500"}),
        ({}, {"X-WP-Total": "500"}),
        ({}, {"Total-Count": "500"}),
        ({}, {"Pagination-Count": "500", "X-Total-Pages": "25"}),
        ({}, {"X-Next-Page": "2"}),
        ({}, {"Next-Page": "/emails?token=ab"}),
        ({}, {"Content-Range": "emails 0-19/500"}),
        ({}, {"Content-Range": "emails 0-19/*"}),
        ({}, {"x-ms-continuation": "eyJ2Ijo"}),
        ({}, {"Link-Next": "/emails?page=2"}),
        ({}, {"X-Has-More": "true"}),
        ({}, {"X-Pagination": '{"total": 500, "next_page": 2}'}),
        ({}, {"X-Paging": '{"total": 500}'}),
        ({}, {"X-Pagination-Total-Count": "500"}),
        ({}, {"X-Pagination-Page-Count": "25"}),
        ({}, {"X-Paging-TotalRecordCount": "500"}),
        ({}, {"x-ms-continuation-NextPartitionKey": "1!8!YWJj"}),
    ],
)
def test_an_api_that_pages_is_noticed_by_a_source_that_does_not(
    api: ScriptedApi, read: Read, more: dict[str, Any], headers: dict[str, str] | None
) -> None:
    api.answers(as_json({"emails": items(ids(20)), **more}, **(headers or {})))
    found, listing = read(source(PaginationStyle.NONE))
    assert found == ids(20)
    assert not complete(listing)
    assert "sources.email.pagination.style: none, yet the API pages" in listing.problems[0]


@pytest.mark.parametrize("count", [0, 3])
def test_what_only_looks_like_a_next_page_can_be_left_aside(api: ScriptedApi, read: Read, count: int) -> None:
    api.answers(as_json({"emails": items(ids(count)), "next": "2026-11-27T00:00:00Z"}))
    assert not complete(read(source(PaginationStyle.NONE))[1])
    assert complete(read(source(PaginationStyle.NONE, pagination={"total": "length(emails)"}))[1])


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        ({}, {}),
        ({"total": 20}, {}),
        ({"total": "20", "meta": {"count": 20}, "has_more": 0, "isLast": True}, {}),
        ({"has_more": "false", "totalPages": "1", "more": 0}, {}),
        ({"next": None, "has_more": False, "totalPages": 1}, {}),
        ({"items": [{"total": 99, "next": "x"}]}, {}),
        ({"count": 20}, {}),
        ({"moreInfoUrl": "https://docs.example"}, {}),
        ({"last": True}, {"X-Next-Page": "", "X-Total-Pages": "1", "X-Total": "20"}),
        ({"next": {"after": None}, "links": [{"rel": "self", "href": "/emails"}], "more_emails_url": None}, {}),
        ({"cursor": "this page", "truncated": False, "metadata": {"continue": ""}}, {"X-Has-More": "false"}),
        ({"emailsCount": 20, "lastPage": 0, "last": 0, "has_more": 0, "LastEvaluatedKey": {}}, {}),
        ({"done": 0, "complete": 3, "job": {"done": False}, "end": 0, "isComplete": True}, {}),
        (
            {
                "itemCount": 20,
                "size": 100,
                "resultSize": 100,
                "maxPage": 100,
                "found": 500,
                "length": 99,
                "unreadMessageCount": 500,
            },
            {},
        ),
        ({"quota": {"remainingCount": 95, "more": True}, "api_limits": {"next": "2027"}, "overflow": False}, {}),
        ({"rateLimit": {"count": 5, "remaining": 95}, "links": [{"rel": ["self", 1], "href": "/emails"}]}, {}),
        ({}, {"Content-Range": "emails 0-19/20"}),
        ({}, {"Paging-Headers": '{"totalCount": 20, "totalPages": 1, "previousPage": "No", "nextPage": "No"}'}),
        ({}, {"X-Pagination": "of no use", "Next-Run": "2", "Total-Time": "3 s"}),
    ],
)
def test_one_answer_is_the_whole_list_where_nothing_speaks_against_it(
    api: ScriptedApi, read: Read, more: dict[str, Any], headers: dict[str, str]
) -> None:
    api.answers(as_json({"emails": items(ids(20)), **more}, **headers))
    _, listing = read(source(PaginationStyle.NONE))
    assert complete(listing)
    assert not listing.problems


@pytest.mark.parametrize(
    "more", [{"account": {"hasMore": True}}, {"summary": {"total": 900}}, {"pages": 3}, {"next": "/news/5"}]
)
def test_what_only_looks_like_paging_is_told_to_be_none_by_a_total_of_nothing(
    api: ScriptedApi, read: Read, more: dict[str, Any]
) -> None:
    api.answers(as_json({"emails": items(ids(20)), **more}))
    (problem,) = read(source(PaginationStyle.NONE))[1].problems
    assert problem.endswith('set sources.email.pagination.total to "`0`", for nothing')
    _, listing = read(source(PaginationStyle.NONE, pagination={"total": "`0`"}))
    assert complete(listing)
    assert not listing.problems


@pytest.mark.parametrize(
    ("param", "size", "first"), [("page", 10, 1), ("page", 15, 1), ("page", 10, 0), ("offset", 10, 0), ("skip", 10, 0)]
)
def test_an_api_that_pages_without_a_word_is_asked_for_a_further_page(
    api: ScriptedApi, read: Read, param: str, size: int, first: int
) -> None:
    def answer(request: Request) -> Response:
        number = int(request.args.get(param, first)) - first
        start = number * size if param == "page" else number
        return as_json({"emails": items(ids(size + 1)[start : start + size])})

    api.answer = answer
    found, listing = read(source(PaginationStyle.NONE))
    assert found == ids(size)
    assert not complete(listing)
    assert f"other items come for page={first + 1 if param == 'page' else 2} and offset=" in listing.problems[0]


@pytest.mark.parametrize(
    ("param", "more", "headers"),
    [
        ("cursor", {"cursor": "abc"}, {}),
        ("cursor", {}, {"X-Cursor": "abc"}),
        ("after", {"data": {"after": "abc"}}, {}),
        ("after", {"pageInfo": {"endCursor": "abc"}}, {}),
        ("offset", {"offset": "abc"}, {}),
        ("Marker", {"Marker": "abc", "bookmark": "xyz"}, {}),
    ],
)
def test_a_text_that_may_be_the_next_pages_token_is_tried(
    api: ScriptedApi, read: Read, param: str, more: dict[str, Any], headers: dict[str, str]
) -> None:
    def answer(request: Request) -> Response:
        if request.args.get(param) == "abc":
            return as_json({"emails": items(["later"])})
        return as_json({"emails": items(ids(20)), **more}, **headers)

    api.answer = answer
    found, listing = read(source(PaginationStyle.NONE))
    assert found == ids(20)
    assert not complete(listing)
    assert f"the API pages its list: other items come for its {param}" in listing.problems[0]


def test_a_part_of_a_range_is_not_the_whole_list(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(20))}, status=206))
    found, listing = read(source(PaginationStyle.NONE))
    assert found == ids(20)
    assert not complete(listing)
    assert "there is HTTP 206 Partial Content in the answer" in listing.problems[0]
    api.answers(as_json({"emails": items(ids(20))}, status=206, Content_Range="emails 0-19/20"))
    assert complete(read(source(PaginationStyle.NONE))[1])


@pytest.mark.parametrize("then", [500, 400, 429, 404, "a sign-in page", "one more", "empty", "the same"])
def test_an_api_without_pages_may_answer_to_a_further_one_what_it_likes(
    api: ScriptedApi, read: Read, then: int | str
) -> None:
    further = {
        "a sign-in page": Response("<h1>Sign in</h1>"),
        "one more": as_json({"emails": items([*ids(10), "new"])}),
        "empty": as_json({"emails": []}),
        "the same": as_json({"emails": items(ids(10))}),
    }
    answer = Response(status=then) if isinstance(then, int) else further[then]
    api.answers(as_json({"emails": items(ids(10))}), answer)
    found, listing = read(source(PaginationStyle.NONE))
    assert found == ids(10)
    assert listing.evidence == {"email": "one answer"}
    assert not listing.problems


def test_a_short_list_is_asked_for_once(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(9))}))
    assert complete(read(source(PaginationStyle.NONE))[1])
    assert len(api.requests) == 1


# An empty list.


@pytest.mark.parametrize("style", [style for style in PaginationStyle if style is not PaginationStyle.NONE])
@pytest.mark.parametrize("is_bare", [True, False])
def test_a_list_that_a_parameter_makes_empty_is_not_empty(
    api: ScriptedApi, read: Read, style: PaginationStyle, is_bare: bool
) -> None:
    def answer(request: Request) -> Response:
        if set(request.args) == {"status"}:  # else all of it is a filter, and nothing has a "limit" of 10
            return as_json(items(ids(3)) if is_bare else {"emails": items(ids(3))})
        return as_json({"emails": [], "total": 0, "next": None})

    api.answer = answer
    found, listing = read(source(style))
    assert found == []
    assert not complete(listing)
    assert "the list is empty with " in listing.problems[0]
    assert "limit" in listing.problems[0]


@pytest.mark.parametrize("style", [style for style in PaginationStyle if style is not PaginationStyle.NONE])
@pytest.mark.parametrize(
    "alone", [as_json({"emails": []}), as_json([]), Response(status=400), Response(status=503), Response("<h1>")]
)
def test_a_list_that_is_empty_by_its_filters_is_empty(
    api: ScriptedApi, read: Read, style: PaginationStyle, alone: Response
) -> None:
    empty = as_json({"emails": [], "next": None})
    api.answer = lambda request: alone if set(request.args) == {"status"} else empty
    assert complete(read(source(style))[1])


def test_what_fails_between_two_questions_does_not_make_a_list_doubtful(api: ScriptedApi, read: Read) -> None:
    listed: list[str] = []

    def answer(request: Request) -> Response:
        if set(request.args) == {"status"}:
            listed.append("new")
        return as_json({"emails": items(listed), "next": None})

    api.answer = answer
    assert whole(read(source(PaginationStyle.CURSOR))) == []


# The total.


@pytest.mark.parametrize("style", list(PaginationStyle))
def test_fewer_than_the_total_is_not_the_end(api: ScriptedApi, read: Read, style: PaginationStyle) -> None:
    api.answer = lambda request: as_json(
        {
            "emails": items(
                ids(7) if request.args.get("page", "1") == "1" and request.args.get("offset", "0") == "0" else []
            )
        }
        | {"next": None, "found": 12}
    )
    found, listing = read(source(style, pagination={"total": "found"}))
    assert found == ids(7)
    assert not complete(listing)
    assert "7 of 12" in listing.problems[0]
    assert complete(read(source(style))[1])


@pytest.mark.parametrize("came", [10, 12])
def test_a_total_that_may_be_more_is_never_reached(api: ScriptedApi, read: Read, came: int) -> None:
    """Elasticsearch counts no further than it is told to."""
    total = {"value": 12, "relation": "gte"}
    serve = numbered(ids(came), total=total)
    api.answer = lambda request: serve(request) if page_number(request) < 2 else as_json({}, 400)
    _, listing = read(source(size=10))
    assert complete(listing) == (came >= 12)
    assert listing.evidence.get("email") != "total reached"


def test_beyond_a_total_that_may_be_more_nothing_is_known(api: ScriptedApi, read: Read) -> None:
    serve = numbered(ids(3000), total={"value": 1000, "relation": "gte"})
    api.answer = lambda request: serve(request) if page_number(request) < 5 else as_json({}, 400)
    found, listing = read(source(size=200))
    assert found == ids(1000)
    assert not complete(listing)


def test_a_total_that_is_reached_is_evidence(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(10)), "found": "10"}))
    _, listing = read(source(PaginationStyle.CURSOR, pagination={"total": "found"}))
    assert listing.evidence == {"email": "total reached"}


def test_of_a_full_first_page_with_a_total_nothing_more_is_asked(api: ScriptedApi, read: Read) -> None:
    api.answer = sized(10, total=lambda _: 10)
    assert complete(read(source(PaginationStyle.CURSOR, pagination={"total": "total"}))[1])
    assert len(api.requests) == 1


def test_a_total_that_is_no_number_is_said(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(3)), "next": None}))
    _, listing = read(source(PaginationStyle.CURSOR, pagination={"total": "meta.total"}))
    assert "sources.email.pagination.total: 'meta.total' gives no number" in listing.problems[0]


def test_a_number_that_counts_something_else_can_be_left_aside(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(23), total=5000)
    _, listing = read(source())
    assert "23 of 5000 items came, as total says" in listing.problems[0]
    assert 'sources.email.pagination.total, or to "`0`"' in listing.problems[0]
    assert complete(read(source(pagination={"total": "`0`"}))[1])
    api.answers(as_json({"emails": items(ids(10)), "total": 5000}))
    assert not complete(read(source(PaginationStyle.CURSOR, pagination={"total": "`0`"}))[1])


@pytest.mark.parametrize("is_cached", [True, False])
def test_what_leaves_the_list_meanwhile_is_not_missed_in_the_total(
    api: ScriptedApi, read: Read, is_cached: bool
) -> None:
    def answer(request: Request) -> Response:
        left = ids(60)[5:] if len(api.requests) > 1 else ids(60)
        return numbered(left, total=60 if is_cached else len(left))(request)

    api.answer = answer
    found, listing = read(source())
    assert set(found) == set(ids(60))
    assert complete(listing)


def test_what_joins_the_list_meanwhile_is_the_next_runs(api: ScriptedApi, read: Read) -> None:
    pages = [{"emails": items(ids(10)), "next": "b", "total": 20}, {"emails": items(ids(20)[10:]), "total": 23}]
    api.answers(*map(as_json, pages))
    assert complete(read(source(PaginationStyle.CURSOR))[1])


@pytest.mark.parametrize("style", [*NUMBERED, *TOKENS])
def test_pages_on_which_one_id_comes_again_and_again_are_not_the_same(
    api: ScriptedApi, read: Read, style: PaginationStyle
) -> None:
    """As of a list of recipients, whose id is their mail's."""
    rows = [{"id": id_, "to": number} for number, id_ in enumerate([*ids(10), *["mail"] * 20, "x", "y", "z"])]
    if style in NUMBERED:
        api.answer = numbered(rows)
    else:
        parts = zip((rows[:10], rows[10:20], rows[20:30], rows[30:]), ("b", "c", "d", None), strict=True)
        api.answers(*(page_of(style, part, token) for part, token in parts))
    assert whole(read(source(style))) == [*ids(10), "mail", "x", "y", "z"]


def test_what_comes_twice_is_counted_once_in_the_total(api: ScriptedApi, read: Read) -> None:
    pages = [{"emails": items(ids(10)), "next": "b", "total": 25}, {"emails": items(ids(20)[5:]), "total": 25}]
    api.answers(*map(as_json, pages))
    assert not complete(read(source(PaginationStyle.CURSOR))[1])


# Answers beyond the end.

BEYOND: list[Callable[[], Response]] = [
    lambda: as_json({"error": "no such page"}, 404),
    lambda: as_json({"error": "bad page"}, 400),
    lambda: Response(status=416),
    lambda: as_json({}, 422),
    lambda: Response(status=204),
    lambda: as_json(None),
    lambda: as_json({"message": "no more"}),
    lambda: as_json({"emails": None}),
]


@pytest.mark.parametrize("beyond", BEYOND)
@pytest.mark.parametrize("count", [1, 7, 10, 20, 23])
@pytest.mark.parametrize("style", NUMBERED)
def test_what_comes_beyond_the_end_ends_a_numbered_list(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int, beyond: Callable[[], Response]
) -> None:
    api.answer = numbered(ids(count), beyond)
    found, listing = read(source(style))
    assert found == ids(count)
    assert complete(listing)
    assert not listing.problems


@pytest.mark.parametrize("beyond", BEYOND[:6])
@pytest.mark.parametrize("style", [*NUMBERED, PaginationStyle.CURSOR])
@pytest.mark.parametrize("times", [1, 2, 3, 1000])
def test_an_answer_that_passes_is_not_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, times: int, beyond: Callable[[], Response]
) -> None:
    left = iter(range(times))

    def answer(request: Request) -> Response:
        is_second = request.args.get("page") == "2" or "10" in (request.args.get("offset"), request.args.get("cursor"))
        if is_second and next(left, None) is not None:
            return beyond()
        if style is PaginationStyle.CURSOR:
            start = int(request.args.get("cursor", 0))
            return as_json({"emails": items(ids(47)[start : start + 10]), "next": start + 10 if start < 40 else None})
        return numbered(ids(47))(request)

    api.answer = answer
    found, listing = read(source(style))
    is_end = style is PaginationStyle.CURSOR and beyond().status_code == 204  # it followed the API's own token
    assert found == ids(47) or not complete(listing) or is_end
    if times == 1 and not is_end:
        assert found == ids(47)
        assert complete(listing)


def test_an_api_that_goes_away_after_the_first_page_has_not_ended_its_list(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(10))}), Response(status=404))
    found, listing = read(source())
    assert found == ids(10)
    assert not complete(listing)


def test_a_404_after_a_few_items_is_asked_for_twice_and_no_more(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(3), lambda: Response(status=404))
    assert complete(read(source())[1])
    assert [request.args["page"] for request in api.requests] == ["1", "2", "2"]


@pytest.mark.parametrize("status", [400, 422])
def test_an_api_that_refuses_to_go_deeper_has_not_ended_its_list(api: ScriptedApi, read: Read, status: int) -> None:
    serve = numbered(ids(2000))
    api.answer = lambda request: serve(request) if page_number(request) < 5 else as_json({}, status)
    found, listing = read(source(size=200))
    assert found == ids(1000)
    assert not complete(listing)
    assert "pagination.total" in listing.problems[0]


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("count", [20, 27])
@pytest.mark.parametrize(
    "beyond",
    [
        Response(status=405),
        as_json({"error": "no such page"}),
        Response("<h1>No such page</h1>", content_type="text/html"),
    ],
)
def test_where_as_many_came_as_the_list_has_whatever_comes_beyond_is_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int, beyond: Response
) -> None:
    api.answer = numbered(ids(count), lambda: beyond, total=count)
    assert whole(read(source(style))) == ids(count)
    api.answer = numbered(ids(count), lambda: beyond, total=count + 1)
    assert not complete(read(source(style))[1])


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("count", [20, 27])
@pytest.mark.parametrize("status", [301, 403, 500])
def test_a_request_that_fails_is_the_end_only_where_the_source_names_the_total(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int, status: int
) -> None:
    """What merely looks like a total may count something else, and the API may be down."""
    api.answer = numbered(ids(count), lambda: Response(status=status), total=count)
    found, listing = read(source(style))
    assert found == ids(count)
    assert not complete(listing)
    assert any("let sources.email.pagination.total name that number" in problem for problem in listing.problems)
    found, listing = read(source(style, pagination={"total": "total"}))
    assert found == ids(count)
    assert complete(listing)


ELSEWHERE: list[dict[str, Any]] = [
    {"_shards": {"total": 5, "failed": 0}},
    {"timing": {"total": 12}},
    {"quota": {"total": 10}},
    {"stats": {"total": 5000}},
    {"meta": {"quota": {"total": 5000}}},
    {"facets": {"emails": {"totalCount": 30}}},
]
"""Totals of something else than the list."""


@pytest.mark.parametrize("more", ELSEWHERE)
@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("count", [0, 10, 12, 30, 47])
def test_a_total_of_something_else_says_nothing_of_the_list(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int, more: dict[str, Any]
) -> None:
    api.answer = numbered(ids(count), **more)
    found, listing = read(source(style))
    assert found == ids(count)
    assert listing.evidence == {"email": "empty page"}


@pytest.mark.parametrize("more", [*ELSEWHERE, {"total": 3}, {"total": 50}, {"page": {"total": 30}}])
@pytest.mark.parametrize("is_told", [True, False])
def test_an_api_that_dies_in_the_middle_has_not_ended_its_list(
    api: ScriptedApi, read: Read, is_told: bool, more: dict[str, Any]
) -> None:
    """Also where a total of something else is reached just then, or is one of pages, as jqGrid's."""
    serve = numbered(ids(500), **more, **({"paging": {"total": 500}} if is_told else {}))
    api.answer = lambda request: serve(request) if page_number(request) < 3 else Response(status=502)
    found, listing = read(source())
    assert found == ids(30)
    assert not complete(listing)


@pytest.mark.parametrize("more", [*ELSEWHERE, {"total": 3, "page": 1}, {"total": 20}])
@pytest.mark.parametrize(
    "right",
    [
        {"paging": {"total": 250}},
        {"page": 1, "total": 13, "records": 250},
        {"meta": {"page": {"total": 250}}},
        {"summary": {"total_count": 250}},
        {"list_info": {"total_count": 250}},
        {"searchInformation": {"totalResults": "250"}},
        {"pageable": {"totalElements": 250}},
    ],
)
def test_of_several_totals_the_largest_counts(
    api: ScriptedApi, read: Read, more: dict[str, Any], right: dict[str, Any]
) -> None:
    api.answers(as_json({**more, "emails": items(ids(20)), **right}))
    _, listing = read(source(PaginationStyle.NONE))
    assert not complete(listing)
    assert "20 of 250 came" in listing.problems[0]
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("expression", "wrap"),
    [
        ("hits.hits", lambda listed: {"hits": {"total": {"value": 250}, "hits": listed}}),
        (
            "hits.hits[]._source",
            lambda listed: {"hits": {"total": 250, "hits": [{"_source": each} for each in listed]}},
        ),
        ("data.emails.nodes", lambda listed: {"data": {"emails": {"totalCount": 250, "nodes": listed}}}),
        ("data.list || `[]`", lambda listed: {"data": {"list": listed, "pagination": {"total": 250}}}),
        ("code && data.list", lambda listed: {"code": 50000, "data": {"list": listed, "total": 250}}),
        ("sort_by(data.list, &id)", lambda listed: {"data": {"list": listed, "total": "250"}}),
        ("data | list[0:50]", lambda listed: {"data": {"list": listed}, "meta": {"pagination": {"total": 250}}}),
        ("_embedded.emails", lambda listed: {"_embedded": {"emails": listed}, "page": {"totalElements": 250}}),
        ("emails[?id]", lambda listed: {"emails": listed, "totalItems": 250}),
    ],
)
def test_the_total_is_where_the_list_is_or_around_it(
    api: ScriptedApi, read: Read, expression: str, wrap: Callable[[list[Any]], dict[str, Any]]
) -> None:
    api.answers(as_json({"_shards": {"total": 1}, **wrap(items(ids(20)))}))
    _, listing = read(source(PaginationStyle.NONE, items=expression))
    assert "20 of 250 came" in listing.problems[0]


# A total at which APIs stop to count.


def window(count: int, beyond: Response | None, cap: int = 1000) -> Answer:
    """Serve a list of which nobody may read, or count, more than ``cap``; None gives the last page again."""

    def answer(request: Request) -> Response:
        size = int(request.args["limit"])
        start = page_number(request) * size if "page" in request.args else int(request.args["offset"])
        if start + size > cap:
            if beyond:
                return beyond
            start = cap - size
        return as_json({"emails": items(ids(count)[start : start + size]), "total": min(count, cap)})

    return answer


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("total", [None, "total"])
@pytest.mark.parametrize(
    "beyond",
    [*[Response("{}", status=status) for status in (400, 403, 404, 500)], as_json({"emails": [], "total": 1000}), None],
)
def test_a_total_at_a_cap_says_nothing_of_what_lies_beyond(
    api: ScriptedApi, read: Read, style: PaginationStyle, total: str | None, beyond: Response | None
) -> None:
    api.answer = window(1200, beyond)
    found, listing = read(source(style, size=100, pagination={"total": total}))
    assert found == ids(1000)
    assert not complete(listing)
    if beyond is None or beyond.status_code in (200, 400, 404):
        assert "let sources.email.filters narrow it" in listing.problems[0]


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("size", [100, 300])
def test_a_list_that_is_just_as_long_as_a_cap_and_shows_its_end_is_complete(
    api: ScriptedApi, read: Read, style: PaginationStyle, size: int
) -> None:
    api.answer = numbered(ids(1000), total=1000)
    assert whole(read(source(style, size=size))) == ids(1000)
    pages = -(-1000 // size)
    assert len(api.requests) <= 2 * (pages + 2) + 1


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("count", [999, 1100, 2000])
def test_a_total_that_is_no_cap_is_believed(api: ScriptedApi, read: Read, style: PaginationStyle, count: int) -> None:
    api.answer = numbered(ids(count), lambda: Response(status=404), total=count)
    found, listing = read(source(style, size=100))
    assert found == ids(count)
    assert listing.evidence == {"email": "total reached"}


@pytest.mark.parametrize("is_explicit", [True, False])
def test_at_a_cap_only_an_answer_that_says_so_is_the_last(api: ScriptedApi, read: Read, is_explicit: bool) -> None:
    def answer(request: Request) -> Response:
        start = int(request.args.get("cursor", "0"))
        following = {"next": start + 100} if start < 900 else {"next": None} if is_explicit else {}
        return as_json({"emails": items(ids(1000)[start : start + 100]), "total": 1000, **following})

    api.answer = answer
    found, listing = read(source(PaginationStyle.CURSOR, size=100))
    assert found == ids(1000)
    assert complete(listing) == is_explicit


# A last page that names itself, or one before, as the next.


def circle(count: int, size: int = 10, **last: Any) -> Answer:
    """Serve a list whose token is the number of the items before a page: it grows no further at the end."""

    def answer(request: Request) -> Response:
        start = int((request.args.get("cursor") or "t0")[1:])
        shown = ids(count)[start : start + size]
        token = f"t{start + len(shown)}"
        more = last if start + size >= count else {}
        url = f"/emails?status=failed&limit={size}&cursor={token}"
        return as_json({"emails": items(shown), "next": token, "url": url, **more}, Link=f"<{url}>; rel=next")

    return answer


def clamped(count: int, **more: Any) -> Answer:
    """Serve a list whose next link leads at most to its last page."""

    def answer(request: Request) -> Response:
        page, size = int(request.args.get("page", 1)), int(request.args["limit"])
        url = f"/emails?status=failed&limit={size}&page={min(page + 1, -(-count // size))}"
        return as_json(
            {"emails": items(ids(count)[(page - 1) * size : page * size]), "url": url, **more},
            Link=f"<{url}>; rel=next",
        )

    return answer


LINKED = [PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER]


@pytest.mark.parametrize("style", TOKENS)
@pytest.mark.parametrize("count", [0, 3, 10, 27, 30])
def test_an_empty_page_that_names_itself_is_the_end(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int
) -> None:
    api.answer = circle(count)
    found, listing = read(source(style, pagination={"next": "next" if style is PaginationStyle.CURSOR else "url"}))
    assert found == ids(count)
    assert listing.evidence == {"email": "empty page"}
    assert len(api.requests) <= 2 * (count // 10 + 3)


@pytest.mark.parametrize("style", LINKED)
@pytest.mark.parametrize("count", [3, 10, 27, 30])
@pytest.mark.parametrize("more", [{"total": ...}, {"has_more": False}, {"hasNextPage": "false"}, {}])
def test_a_last_page_that_names_itself_needs_evidence(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int, more: dict[str, Any]
) -> None:
    api.answer = clamped(count, **({"total": count} if "total" in more else more))
    if "total" not in more and more:
        serve, others = api.answer, clamped(count, **{name: not value or "true" for name, value in more.items()})

        def answer(request: Request) -> Response:
            is_last = int(request.args.get("page", 1)) == -(-count // int(request.args["limit"]))
            return (serve if is_last else others)(request)

        api.answer = answer
    found, listing = read(source(style, pagination={"next": "url"}))
    assert set(found) == set(ids(count))
    assert complete(listing) == bool(more)
    if not more:
        setting = "style" if style is PaginationStyle.LINK_HEADER else "next"
        assert f"sources.email.pagination.{setting}: the answer names a page that was read" in listing.problems[0]


@pytest.mark.parametrize(
    "more",
    [
        {"count": ...},
        {"total": ...},
        {"totalItems": ...},
        {"last": 5},
        {"pagination": {"current": 1, "next": 2, "last": 5}},
        {"meta": {"truncated": False}},
        {"sms": {"items": [], "has_more": False}},
    ],
    ids=str,
)
def test_an_api_that_does_not_know_the_cursor_parameter_has_not_ended_its_list(
    api: ScriptedApi, read: Read, more: dict[str, Any]
) -> None:
    def answer(request: Request) -> Response:
        page = ids(500)[: int(request.args["limit"])]
        return as_json(
            {
                "emails": items(page),
                "next": str(len(page)),
                **{k: len(page) if v is ... else v for k, v in more.items()},
            }
        )

    api.answer = answer
    _, listing = read(source(PaginationStyle.CURSOR))
    assert not complete(listing)


@pytest.mark.parametrize("count", [1001, 1250, 2000])
def test_a_list_that_goes_on_behind_a_cap_is_read_to_its_end(api: ScriptedApi, read: Read, count: int) -> None:
    def answer(request: Request) -> Response:
        start, size = int(request.args.get("cursor", 0)), int(request.args["limit"])
        end = min(start + size, count)
        return as_json(
            {"emails": items(ids(count)[start:end]), "total": 1000} | ({"next": str(end)} if end < count else {})
        )

    api.answer = answer
    found, listing = read(source(PaginationStyle.CURSOR, pagination={"size": 250}))
    assert len(found) == count
    assert complete(listing)


@pytest.mark.parametrize("no_more", [{"next": None}, {"last": True}])
def test_a_thousand_with_an_answer_that_no_page_follows_are_all(
    api: ScriptedApi, read: Read, no_more: dict[str, Any]
) -> None:
    def answer(request: Request) -> Response:
        page, size = page_number(request) + 1, int(request.args["limit"])
        if page * size > 1000:
            return Response(status=404)
        more: dict[str, Any] = {"next": f"/emails?page={page + 1}"} if "next" in no_more else {"last": False}
        shown = ids(1000)[(page - 1) * size : page * size]
        return as_json({"emails": items(shown), "total": 1000, **(no_more if page * size == 1000 else more)})

    api.answer = answer
    found, listing = read(source(pagination={"size": 250}))
    assert len(found) == 1000
    assert complete(listing)


@pytest.mark.parametrize("more", [{"has_more": True}, {"hasNextPage": "true", "total": 3}, {"last": False}])
def test_a_page_that_names_itself_and_says_that_more_follow_is_no_end(
    api: ScriptedApi, read: Read, more: dict[str, Any]
) -> None:
    api.answers(as_json({"emails": items(ids(3)), "next": "a", **more}), as_json({"emails": [], "next": "a", **more}))
    _, listing = read(source(PaginationStyle.CURSOR))
    assert not complete(listing)
    assert "sources.email.pagination.next" in listing.problems[0]


def test_a_404_after_a_short_page_is_not_asked_for_twice(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(13), lambda: Response(status=404))
    assert complete(read(source())[1])
    assert len(api.requests) == 2 * 3  # two pages and what is behind, read twice


def test_a_404_after_a_short_page_that_names_a_next_one_is_not_the_end(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(13), lambda: Response(status=404), next="/emails?page=3")
    assert not complete(read(source())[1])


@pytest.mark.parametrize("status", [405, 418, 499])
def test_a_status_that_says_nothing_of_an_end_is_none(api: ScriptedApi, read: Read, status: int) -> None:
    api.answer = numbered(ids(13), lambda: Response(status=status))
    assert not complete(read(source())[1])


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize(("count", "is_said"), [(13, True), (20, False)])
def test_an_api_that_fails_beyond_its_end_is_told_what_would_tell_it(
    api: ScriptedApi, read: Read, style: PaginationStyle, count: int, is_said: bool
) -> None:
    api.answer = numbered(ids(count), lambda: Response(status=500))
    found, listing = read(source(style))
    assert found == ids(count)
    assert not complete(listing)
    words = "it failed after a page that is not full; sources.email.pagination.total would tell its end"
    assert any(problem.endswith(words) for problem in listing.problems) is is_said


def test_a_page_of_html_is_not_the_end(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(20), lambda: Response("<h1>Oops</h1>", content_type="text/html"))
    assert not complete(read(source())[1])


# An empty list.


@pytest.mark.parametrize("style", list(PaginationStyle))
@pytest.mark.parametrize(
    ("answer", "statuses"),
    [
        (Response(status=204), (204,)),
        (as_json({}, 404), (204, 404)),
        (as_json(None), (204,)),
        (as_json({"emails": None, "next": None}), (204,)),
        (as_json({"emails": {}, "next": None}), (204,)),  # Lua
        (as_json({"emails": []}), ()),
    ],
)
def test_an_empty_list_is_no_problem(
    api: ScriptedApi, read: Read, style: PaginationStyle, answer: Response, statuses: tuple[int, ...]
) -> None:
    api.answers(answer)
    found, listing = read(source(style, empty_statuses=statuses))
    assert found == []
    assert complete(listing)
    assert not listing.problems


@pytest.mark.parametrize("expression", ["keys(emails)", "values(emails)", "values(emails)[?status]"])
@pytest.mark.parametrize("nothing", [[], {}])
def test_an_object_that_is_empty_is_an_empty_list_also_as_php_writes_it(
    api: ScriptedApi, read: Read, expression: str, nothing: object
) -> None:
    api.answers(as_json({"emails": nothing, "next": None}))
    found, listing = read(source(PaginationStyle.CURSOR, items=expression))
    assert (found, complete(listing), listing.problems) == ([], True, [])


@pytest.mark.parametrize("nothing", ["", 0, False, "none"])
def test_what_is_no_empty_list_in_any_language_is_none(api: ScriptedApi, read: Read, nothing: object) -> None:
    for expression in ("emails", "keys(emails)", "@"):
        api.answers(as_json({"emails": nothing, "next": None}))
        assert not complete(read(source(PaginationStyle.CURSOR, items=expression))[1])
    api.answers(as_json({}))
    assert not complete(read(source(PaginationStyle.NONE, items="@"))[1])


@pytest.mark.parametrize("is_object", [True, False])
@pytest.mark.parametrize("count", [0, 1, 10, 23])
def test_a_list_that_php_writes_as_an_object_is_read_as_the_error_says(
    api: ScriptedApi, read: Read, count: int, is_object: bool
) -> None:
    """``json_encode`` after ``array_filter`` gives an object where the list has gaps, and else a list."""

    def answer(request: Request) -> Response:
        start = 10 * int(request.args.get("cursor", 0))
        shown = items(ids(count)[start : start + 10])
        listed: object = dict(enumerate(shown)) if is_object and shown else shown
        return as_json({"emails": listed, "next": start // 10 + 1 if start + 10 < count else None})

    api.answer = answer
    if is_object and count:
        (error, line, *_) = read(source(PaginationStyle.CURSOR))[1].errors["email"]
        assert error.endswith("must give a list, and gives dict")
        assert line == 'sources.email.items = "emails[*] || values(emails)"'
    found, listing = read(source(PaginationStyle.CURSOR, items="emails[*] || values(emails)"))
    assert found == ids(count)
    assert complete(listing)
    assert not listing.problems


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(status=404), "sources.email.empty_statuses = [204, 404]"),
        (as_json({"data": []}), "sources.email.items: 'emails' must give a list"),
        (as_json({"emails": None, "errors": [{"message": "down"}]}), "says in errors that something went wrong"),
        (as_json({}, 406), "api.headers"),
        (as_json({}, 400), 'sources.email.pagination.size_param, or "" for none'),
    ],
)
def test_an_answer_that_is_no_list_names_what_to_change(
    api: ScriptedApi, read: Read, answer: Response, words: str
) -> None:
    api.answers(answer)
    _, listing = read(source())
    assert not complete(listing)
    assert words in listing.problems[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(" "), "HTTP 200, but the body is empty"),
        (Response(gzip.compress(b"[]"), content_type="application/json"), r"\(application/json, packed as gzip\)"),
        (Response(b"\x0b\x00", headers={"Content-Encoding": "br"}), r"\(text/plain; charset=utf-8, packed as br\)"),
    ],
)
def test_a_body_that_is_no_json_says_why(api: ScriptedApi, read: Read, answer: Response, words: str) -> None:
    api.answers(answer)
    _, listing = read(source())
    assert not complete(listing)
    assert re.search(words, listing.problems[0])


def test_a_status_that_means_empty_is_asked_for_twice(api: ScriptedApi, read: Read) -> None:
    api.answers(Response(status=404), as_json({"emails": items(ids(3))}), as_json({"emails": []}))
    assert whole(read(source(empty_statuses=(404,)))) == ids(3)


@pytest.mark.parametrize("status", [202, 206, 203])
def test_a_list_that_is_not_ready_is_none(api: ScriptedApi, read: Read, status: int) -> None:
    api.answers(as_json({"emails": []}, status=status))
    assert complete(read(source(PaginationStyle.NONE))[1]) == (status != 202)


@pytest.mark.parametrize("count", [1000, 1190, 1200])
def test_beyond_the_end_the_first_page_may_come_again(api: ScriptedApi, read: Read, count: int) -> None:
    def answer(request: Request) -> Response:
        start = page_number(request) * 100
        start = start if start < count else 0
        return as_json({"emails": items(ids(count)[start : start + 100])})

    api.answer = answer
    found, listing = read(source(size=100))
    assert set(found) == set(ids(count))
    assert complete(listing) == (count == 1190)  # else it may be that nobody may read deeper


def test_a_next_link_that_lacks_what_a_gateway_adds_is_said_to(api: ScriptedApi, settings: ApiSettings) -> None:
    def answer(request: Request) -> Response:
        if request.path == "/gateway/emails":
            return as_json({"emails": items(ids(10)), "next": "/emails?page=2"})
        return Response(status=404)

    api.answer = answer
    behind = settings._replace(base_url=f"{settings.base_url}/gateway")
    listing = Listing({"email": source(PaginationStyle.NEXT_URL)}, Api(behind, listing_retry, Secrets()), lambda: True)
    assert [each.primary_id for each in listing] == ids(10)
    assert "leads to another path than the source's: if a gateway adds a part" in listing.problems[0]


# Lists that shift.


@pytest.mark.parametrize(
    ("style", "link"),
    [
        (PaginationStyle.NEXT_URL, "/emails?page={page}"),
        (PaginationStyle.NEXT_URL, "/emails?limit=10&offset={offset}"),
        (PaginationStyle.LINK_HEADER, "/emails?page={page}"),
        (PaginationStyle.CURSOR, "{page}"),
    ],
)
def test_a_list_whose_next_page_is_a_number_is_read_again_until_nothing_new_comes(
    api: ScriptedApi, read: Read, style: PaginationStyle, link: str
) -> None:
    def answer(request: Request) -> Response:
        listed = ids(60)[5:] if len(api.requests) > 1 else ids(60)
        start = (int(request.args.get("page", 1)) - 1) * 10 + int(request.args.get("offset", 0))
        url = link.format(page=start // 10 + 2, offset=start + 10) if start + 10 < len(listed) else None
        headers = {"Link": f"<{url}>; rel=next"} if url and style is PaginationStyle.LINK_HEADER else {}
        return as_json({"emails": items(listed[start : start + 10]), "next": url}, **headers)

    api.answer = answer
    found, listing = read(source(style, pagination={"cursor_param": "page"}))
    assert set(found) == set(ids(60))
    assert complete(listing)


@pytest.mark.parametrize("style", [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL])
@pytest.mark.parametrize(
    "text",
    [
        "{offset}",
        "arrayconnection:{last}",
        '{{"page": {page}}}',
        "o={offset}&d=next",
        '{{"offset": {offset}, "limit": 10}}',
        '{{"p": {page}, "s": 10}}',
        "{offset}:10",
        "page-{page}-of-6",
        "p{page}s10",
        "{offset:#x}",
        "{offset:04x}",
    ],
)
@pytest.mark.parametrize("packed", [0, 1, 2])
def test_a_number_within_a_token_shifts_as_well(
    api: ScriptedApi, read: Read, style: PaginationStyle, text: str, packed: int
) -> None:
    positions: dict[str, int] = {}

    def answer(request: Request) -> Response:
        listed = ids(60)[5:] if len(api.requests) > 1 else ids(60)
        start = positions.get(request.args.get("cursor", ""), 0)
        token = text.format(page=start // 10 + 2, offset=start + 10, last=start + 9)
        for _ in range(packed):
            token = urlsafe_b64encode(token.encode()).decode().rstrip("=")
        positions[token] = start + 10
        is_last = start + 10 >= len(listed)
        following = token if style is PaginationStyle.CURSOR else f"/emails?cursor={quote(token)}"
        return as_json({"emails": items(listed[start : start + 10]), "next": None if is_last else following})

    api.answer = answer
    found, listing = read(source(style))
    assert set(found) == set(ids(60))
    assert complete(listing)


@pytest.mark.parametrize(
    "link",
    [
        "/emails?window={offset},10",
        "/emails?range={offset}-{last}",
        "/emails/p/{page}/10",
        "/emails/{offset}/to/{last}",
    ],
)
def test_a_number_within_a_next_url_shifts_as_well(api: ScriptedApi, read: Read, link: str) -> None:
    positions: dict[str, int] = {}

    def answer(request: Request) -> Response:
        listed = ids(60)[5:] if len(api.requests) > 1 else ids(60)
        name = next((param for param in ("window", "range") if param in request.args), "")
        start = positions.get(f"{request.path}?{name}={request.args[name]}" if name else request.path, 0)
        url = link.format(page=start // 10 + 2, offset=start + 10, last=start + 19)
        positions[url] = start + 10
        return as_json({"emails": items(listed[start : start + 10]), "next": url if start + 10 < len(listed) else None})

    api.answer = answer
    found, listing = read(source(PaginationStyle.NEXT_URL))
    assert set(found) == set(ids(60))
    assert complete(listing)


@pytest.mark.parametrize("style", [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL])
@pytest.mark.parametrize("total", [None, "total"])
@pytest.mark.parametrize("leaving", [range(5), range(40, 45)])
def test_a_list_whose_total_falls_is_read_again_until_nothing_new_comes(
    api: ScriptedApi, read: Read, style: PaginationStyle, total: str | None, leaving: range
) -> None:
    """Whatever its tokens look like; where it was not skipped but went, nothing new comes."""
    tokens = ["", *"uvwxyz"]

    def answer(request: Request) -> Response:
        gone = leaving if len(api.requests) > 1 else ()
        listed = [id_ for id_ in ids(60) if int(id_) not in gone]
        page = tokens.index(request.args.get("cursor", ""))
        following = tokens[page + 1] if page * 10 + 10 < len(listed) else None
        return page_of(style, listed[page * 10 : page * 10 + 10], following, total=len(listed))

    api.answer = answer
    found, listing = read(source(style, pagination={"total": total}))
    assert set(found) >= set(ids(60)) - set(map(str, leaving))
    assert complete(listing)
    assert len(api.requests) <= 3 * 6


def test_a_list_whose_total_falls_though_all_came_is_read_once(api: ScriptedApi, read: Read) -> None:
    pages = [{"emails": items(ids(10)), "next": "u", "total": 20}, {"emails": items(ids(20)[10:]), "total": 15}]
    api.answers(*map(as_json, pages))
    assert complete(read(source(PaginationStyle.CURSOR))[1])
    assert len(api.requests) == 2


def test_a_match_that_slides_onto_a_page_already_read_is_found(api: ScriptedApi, read: Read) -> None:
    listed = [{"id": str(number), "status": "failed" if number == 10 else "sent"} for number in range(25)]
    api.answer = lambda request: numbered(listed[1:] if len(api.requests) > 1 else listed)(request)
    assert whole(read(source(items="emails[?status=='failed']"))) == ["10"]


@pytest.mark.parametrize("style", TOKENS)
def test_a_list_whose_next_page_is_a_token_is_read_once(api: ScriptedApi, read: Read, style: PaginationStyle) -> None:
    def answer(request: Request) -> Response:
        tokens = ["", "f81d4fae-7dec-31d0", "a765-00a0c91e6bf6"]
        page = tokens.index(request.args.get("cursor", ""))
        start, following = page * 10, tokens[page + 1] if page < 2 else None
        return page_of(style, ids(30)[start : start + 10], following)

    api.answer = answer
    assert complete(read(source(style))[1])
    assert len(api.requests) == 3


@pytest.mark.parametrize("count", [1, 9, 10, 50, 99])
def test_an_only_page_that_is_given_again_is_the_end(api: ScriptedApi, read: Read, count: int) -> None:
    def clamped(request: Request) -> Response:
        size = int(request.args["limit"])
        start = min(page_number(request), (count - 1) // size) * size
        return as_json({"emails": items(ids(count)[start : start + size])})

    api.answer = clamped
    found, listing = read(source(size=100))
    assert set(found) == set(ids(count))
    assert complete(listing)
    assert not listing.problems


def test_a_capped_page_of_an_api_that_knows_no_pages_is_not_the_end(api: ScriptedApi, read: Read) -> None:
    api.answer = lambda request: as_json({"emails": items(ids(300)[: min(50, int(request.args["limit"]))])})
    found, listing = read(source(size=100))
    assert found == ids(50)
    assert not complete(listing)
    assert "does the API know 'page'" in listing.problems[0]


@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("cap", [10_000, 50])
def test_what_slides_onto_the_only_page_is_found(
    api: ScriptedApi, read: Read, style: PaginationStyle, cap: int
) -> None:
    def answer(request: Request) -> Response:
        listed = ids(min(cap, 100) + 5)
        return numbered(listed if len(api.requests) == 1 else listed[5:], cap=cap)(request)

    api.answer = answer
    found, listing = read(source(style, size=100))
    assert set(found) == set(ids(min(cap, 100) + 5))
    assert complete(listing)


@pytest.mark.parametrize("style", TOKENS)
def test_what_slides_from_a_page_that_is_counted_is_found(api: ScriptedApi, read: Read, style: PaginationStyle) -> None:
    """The second page was named, and is empty when it is asked for: what was there is on the first by now."""

    def answer(request: Request) -> Response:
        listed = ids(13) if len(api.requests) == 1 else ids(13)[3:]
        number = int(request.args.get("page", 1))
        token = number + 1 if number * 10 < len(listed) else None
        return page_of(style, listed[(number - 1) * 10 : number * 10], token, "page")

    api.answer = answer
    found, listing = read(source(style, pagination={"cursor_param": "page"}))
    assert set(found) == set(ids(13))
    assert complete(listing)


def test_an_offset_counts_what_the_api_left_out_of_its_pages(api: ScriptedApi, read: Read) -> None:
    def answer(request: Request) -> Response:
        listed = list(range(25)) if len(api.requests) == 1 else list(range(3, 25))
        start = int(request.args.get("offset", 0))
        shown = [str(number) for number in listed[start : start + 10] if number > 6]
        return as_json({"emails": items(shown), "next": start + 10 if start + 10 < len(listed) else None})

    api.answer = answer
    found, listing = read(source(PaginationStyle.CURSOR, pagination={"cursor_param": "offset"}))
    assert set(found) == {str(number) for number in range(7, 25)}
    assert complete(listing)


def test_a_page_that_slides_onto_the_next_one_is_not_the_end(api: ScriptedApi, read: Read) -> None:
    def answer(request: Request) -> Response:
        listed = ids(60) if len(api.requests) == 1 else [f"new-{number}" for number in range(50)] + ids(60)
        return numbered(listed, cap=50)(request)

    api.answer = answer
    found, listing = read(source(size=100))
    assert set(found) >= set(ids(60))
    assert complete(listing)


def test_a_list_that_changes_in_every_pass_is_not_complete_and_no_problem(api: ScriptedApi, read: Read) -> None:
    api.answer = lambda request: numbered([f"{len(api.requests)}-{n}" for n in range(15)])(request)
    _, listing = read(source())
    assert not complete(listing)
    assert not listing.problems
    assert listing.truncated


# Sizes and beginnings.


@pytest.mark.parametrize("counts_by_cap", [True, False])
def test_pages_that_come_shorter_than_asked_for_lose_nothing_and_are_said(
    api: ScriptedApi, read: Read, counts_by_cap: bool
) -> None:
    def answer(request: Request) -> Response:
        asked = int(request.args["limit"])
        shown = min(asked, 50)
        start = page_number(request) * (shown if counts_by_cap else asked)
        return as_json({"emails": items(ids(300)[start : start + shown])})

    api.answer = answer
    found, listing = read(source(size=100))
    assert set(found) == set(ids(300))
    assert "sources.email.pagination.size = 50" in listing.problems[0]
    assert complete(listing)


@pytest.mark.parametrize("count", [10, 50, 51, 99, 100])
def test_a_list_shorter_than_the_size_asked_for_is_not_cut_unnoticed(api: ScriptedApi, read: Read, count: int) -> None:
    """Pages of 50, counted by the hundred that was asked for: what is behind the first 50 is on no page."""

    def answer(request: Request) -> Response:
        asked = int(request.args["limit"])
        start = page_number(request) * asked
        return as_json({"emails": items(ids(count)[start : start + min(asked, 50)])})

    api.answer = answer
    found, listing = read(source(size=100))
    assert set(found) == set(ids(count))
    assert complete(listing)
    assert bool(listing.problems) is (count > 50)


def test_a_list_of_one_page_is_read_again_only_where_that_may_have_been_full(api: ScriptedApi, read: Read) -> None:
    for count, more, requests in ((9, {}, 2), (10, {}, 5), (99, {}, 5), (100, {}, 6), (100, {"total": 100}, 2)):
        api.requests.clear()
        api.answer = numbered(ids(count), **more)
        assert complete(read(source(size=100))[1])
        assert len(api.requests) == requests


@pytest.mark.parametrize("count", [11, 100, 247, 250])
@pytest.mark.parametrize("cap", [10_000, 20])
@pytest.mark.parametrize("beyond", [lambda: as_json({"emails": []}), lambda: Response(status=404)])
def test_an_offset_that_is_a_pages_number_is_noticed(
    api: ScriptedApi, read: Read, count: int, cap: int, beyond: Callable[[], Response]
) -> None:
    def answer(request: Request) -> Response:
        number, size = int(request.args["offset"]), min(int(request.args["limit"]), cap)
        shown = ids(count)[number * size : (number + 1) * size]
        return as_json({"emails": items(shown)}) if shown else beyond()

    api.answer = answer
    found, listing = read(source(PaginationStyle.OFFSET, size=100))
    if found != ids(count):
        assert not complete(listing)
        assert "is 'offset' a page's number?" in listing.problems[0]
    assert len(api.requests) <= 8


def test_what_left_the_list_at_its_end_makes_no_offset_a_pages_number(api: ScriptedApi, read: Read) -> None:
    api.answer = lambda request: numbered(ids(200) if len(api.requests) < 5 else ids(200)[5:])(request)
    assert whole(read(source(PaginationStyle.OFFSET, size=100))) == ids(200)
    assert "199" in {request.args["offset"] for request in api.requests}


@pytest.mark.parametrize("refusal", [400, 404, 422, 500, "floor"])
def test_an_offset_in_the_middle_of_a_page_may_be_refused(api: ScriptedApi, read: Read, refusal: int | str) -> None:
    def answer(request: Request) -> Response:
        offset = int(request.args["offset"])
        if offset % 100 and isinstance(refusal, int):
            return as_json({}, refusal)
        offset -= offset % 100 if refusal == "floor" else 0
        return as_json({"emails": items(ids(200)[offset : offset + 100])})

    api.answer = answer
    assert whole(read(source(PaginationStyle.OFFSET, size=100))) == ids(200)


@pytest.mark.parametrize(
    ("count", "more", "requests"),
    [
        (9, {}, 2),
        (50, {}, 5),
        (100, {}, 7),
        (100, {"total": 100}, 2),
        (250, {}, 8),
        (300, {}, 11),
        (300, {"total": 300}, 8),
    ],
)
def test_a_list_by_offset_takes_one_request_more_only_where_its_last_page_is_as_long_as_the_others(
    api: ScriptedApi, read: Read, count: int, more: dict[str, Any], requests: int
) -> None:
    api.answer = numbered(ids(count), **more)
    assert complete(read(source(PaginationStyle.OFFSET, size=100))[1])
    assert len(api.requests) == requests


def test_an_offset_grows_by_what_came(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered(ids(130), cap=50)
    found, listing = read(source(PaginationStyle.OFFSET, size=100))
    assert found == ids(130)
    assert complete(listing)
    assert not listing.problems


def test_an_offset_counts_what_items_leaves_out(api: ScriptedApi, read: Read) -> None:
    api.answer = numbered([{"id": str(n), "status": "failed" if n % 9 == 0 else "sent"} for n in range(47)])
    found, _ = read(source(PaginationStyle.OFFSET, items="emails[?status=='failed']"))
    assert found == [str(n) for n in range(0, 47, 9)]
    assert len(api.requests) == 12  # five pages and an empty one, twice


@pytest.mark.parametrize(
    ("expression", "wrap"),
    [
        ("groups[].emails[]", lambda listed: {"groups": [{"emails": listed[:4]}, {"emails": listed[4:]}]}),
        ("groups[*].emails | []", lambda listed: {"groups": [{"emails": listed[:4]}, {"emails": listed[4:]}]}),
        ("groups[].emails[].{id: id}", lambda listed: {"groups": [{"emails": listed[:4]}, {"emails": listed[4:]}]}),
        ("[emails, sms][]", lambda listed: {"emails": listed[:4], "sms": listed[4:]}),
        ("*[]", lambda listed: {"mon": listed[:4], "tue": listed[4:]}),
        ("groups[].emails[] | [?id]", lambda listed: {"groups": [{"emails": listed[:4]}, {"emails": listed[4:]}]}),
        ("reverse(emails)", lambda listed: {"emails": listed}),
        ("emails[?id].{id: id}", lambda listed: {"emails": listed}),
    ],
)
@pytest.mark.parametrize("style", NUMBERED)
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 25])
def test_a_list_of_lists_is_as_long_as_these_and_its_order_is_its_own(
    api: ScriptedApi,
    read: Read,
    style: PaginationStyle,
    count: int,
    expression: str,
    wrap: Callable[[list[Any]], dict[str, Any]],
) -> None:
    serve = numbered(ids(count))
    api.answer = lambda request: as_json(wrap(json.loads(serve(request).get_data())["emails"]))
    found, listing = read(source(style, items=expression))
    assert sorted(found) == sorted(ids(count))
    assert complete(listing)
    assert not listing.problems


def test_a_list_may_begin_at_any_number(api: ScriptedApi, read: Read) -> None:
    def answer(request: Request) -> Response:
        assert "limit" not in request.args
        start = int(request.args["startIndex"]) - 1 if "startIndex" in request.args else page_number(request, 3) * 10
        return as_json({"emails": items(ids(25)[start : start + 10])}) if start >= 0 else Response(status=400)

    api.answer = answer
    scim = {"offset_param": "startIndex", "first_offset": 1, "size_param": None}
    for changed in (
        source(PaginationStyle.OFFSET, pagination=scim),
        source(pagination={"first_page": 3, "size_param": None}),
    ):
        assert whole(read(changed)) == ids(25)


@pytest.mark.parametrize(
    "more", [{"first": False, "last": False}, {"totalElements": 47}, {"previous": "/emails?page=0"}]
)
def test_a_first_page_that_is_not_the_first_is_noticed(api: ScriptedApi, read: Read, more: dict[str, Any]) -> None:
    def answer(request: Request) -> Response:
        start = page_number(request, first=0) * 20
        return as_json({"emails": items(ids(47)[start : start + 20]), **more})

    api.answer = answer
    found, listing = read(source(size=20))
    assert len(found) == 27
    assert not complete(listing)


def test_a_default_page_that_knows_neither_parameter_is_not_the_whole_list(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(ids(20))}))
    _, listing = read(source(size=100))
    assert not complete(listing)
    assert "does the API know 'page'" in listing.problems[0]


# Ages, ids, bodies.


def test_what_failed_too_long_ago_is_set_apart_and_what_fails_in_the_future_is_said(
    api: ScriptedApi, read: Read
) -> None:
    now = clock.now()
    times = {"young": now - 10, "right": now - 100, "old": now - 2000, "future": now + 10**7, "skewed": now + 10}
    api.answers(as_json({"emails": [{"id": id_, "at": at} for id_, at in times.items()]}))
    ages = {"failed_at": "at", "min_age_seconds": 50.0, "max_age_seconds": 1000.0}
    found, listing = read(source(PaginationStyle.NONE, **ages))
    assert found == ["right", "future"]
    assert listing.too_old == [Communication("old", "send.email", "email")]
    assert {communication.primary_id for communication in listing.too_young} == {"young", "skewed"}
    assert listing.problems == ["source email: 1 items that failed in the future; sources.email.failed_at is 'at'"]
    assert listing.seen == {"send.email": set(times)}


def test_an_age_may_have_an_upper_limit_only(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": [{"id": "new", "at": clock.now()}, {"id": "old", "at": clock.now() - 99}]}))
    found, listing = read(source(PaginationStyle.NONE, failed_at="at", max_age_seconds=50.0))
    assert found == ["new"]
    assert [communication.primary_id for communication in listing.too_old] == ["old"]


def test_an_id_that_is_too_long_is_said_as_such(api: ScriptedApi, read: Read) -> None:
    api.answers(as_json({"emails": items(["x" * 129, "ok", "y" * 500, None])}))
    found, listing = read(source(PaginationStyle.NONE))
    assert found == ["ok"]
    assert listing.problems == [
        "source email: 1 items without a usable id; sources.email.id is 'id'",
        "source email: 2 items with an id of more than 128 bytes; sources.email.id is 'id'",
    ]
    api.answers(as_json({"emails": items(["x" * 129])}))
    assert not complete(read(source(PaginationStyle.NONE))[1])


@pytest.mark.parametrize(
    ("encoding", "kind"),
    [("utf-8-sig", ""), ("utf-16", ""), ("utf-32", ""), ("utf-8", ""), ("latin-1", "; charset=ISO-8859-1")],
)
def test_json_is_read_in_every_encoding(api: ScriptedApi, read: Read, encoding: str, kind: str) -> None:
    body = json.dumps({"emails": [{"id": "1", "to": "é"}]}, ensure_ascii=False).encode(encoding)
    api.answers(Response(body, content_type=f"application/json{kind}"))
    assert read(source(PaginationStyle.NONE))[0] == ["1"]


def test_sources_of_different_id_spaces_share_no_ids(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json([{"id": "1"}]))
    one = {"path": "/emails", "operation": "send.email"}
    sources = {"a": Source(**one), "b": Source(**one, id_space="send.email@b"), "c": Source(**one)}
    listing = Listing(sources, Api(settings, listing_retry, Secrets()), lambda: True)
    found = list(listing)
    assert [(c.source, c.id_space, c.space) for c in found] == [
        ("a", "", "send.email"),
        ("b", "send.email@b", "send.email@b"),
    ]
    assert [c.to_json().get("idSpace") for c in found] == [None, "send.email@b"]
    assert listing.seen == {"send.email": {"1"}, "send.email@b": {"1"}}


def test_a_slow_source_does_not_take_the_time_of_the_others(
    api: ScriptedApi, settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = {"at": 0.0}
    order: list[str] = []

    def answer(request: Request) -> Response:
        order.append(request.path)
        now["at"] += 4 if request.path == "/slow" else 0.01
        start = int(request.args["offset"])
        return as_json(items(ids(30)[start : start + 10]))

    api.answer = answer
    monkeypatch.setattr("redrive.listing.time.perf_counter", lambda: now["at"])
    offset = Pagination(style=PaginationStyle.OFFSET, size=10)
    sources = {path: Source(f"/{path}", f"send.{path}", pagination=offset) for path in ("slow", "quick")}
    list(Listing(sources, Api(settings, listing_retry, Secrets()), lambda: True))
    last_quick = len(order) - order[::-1].index("/quick")
    assert order[:last_quick].count("/slow") <= 3
