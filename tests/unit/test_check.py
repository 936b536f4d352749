"""A check finds what is wrong with the settings before anything is sent: each trap, and the line to change."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from local.check.report import show
from redrive import clock
from redrive.api import Api
from redrive.check import check
from redrive.listing import Listing
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, CheckSettings, PaginationStyle, RequeueSettings, Source
from tests.unit.support import ScriptedApi, as_json, source
from tests.waiting import without_waiting

DOCUMENT = Path(__file__).parents[2] / "docs" / "check.md"
TOKENS = [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER]
WHERE = "sources.email.pagination"
PROBES = {
    "without the filters",
    "without the filters, one item more",
    "without a size",
    "the page before the first",
    "a page of one item",
    "the second item alone",
    "by the filters alone",
    "page 1, again",
    "what may come after it, as page 2",
    "what may come after it, as page 1",
    "from the last item on",
}

Check = Callable[..., dict[str, Any]]
Answer = Callable[[Request], Response]


@pytest.fixture
def checked(settings: ApiSettings) -> Check:
    """Check some sources; give the answer, as JSON has it."""

    def checking(requeue: RequeueSettings | None = None, api: ApiSettings = settings, **sources: Source) -> Any:
        wanted = CheckSettings(api, sources, requeue or RequeueSettings("/requeue"))
        return json.loads(json.dumps(check(wanted, Secrets(), 60, make_retry=without_waiting)))

    return checking


@pytest.fixture
def traps(checked: Check) -> Callable[..., list[dict[str, str]]]:
    """Check one source; give its traps."""

    def checking(email: Source, **more: Any) -> Any:
        return checked(email=email, **more)["sources"]["email"]["traps"]

    return checking


Traps = Callable[..., list[dict[str, str]]]


def ids(count: int) -> list[str]:
    return [f"em-{number}" for number in range(count)]


def items(found: list[Any]) -> list[Any]:
    return [each if isinstance(each, dict) else {"id": each} for each in found]


def serving(
    failed: list[Any],
    others: list[Any] | None = None,
    *,
    behind: list[Any] | None = None,
    cap: int = 10_000,
    most: int = 10_000,
    first: int = 1,
    **more: Any,
) -> Answer:
    """Serve a list in every style: page, offset, cursor, next URL and Link header, all filters kept.

    Parameters
    ----------
    others
        What is listed before, where no status is asked for; three where nothing is said.
    behind
        What is listed behind then.
    most
        A larger size is refused.
    first
        The number of the first page.
    more
        Further entries of every answer.
    """
    beside = ["sent-1", "sent-2", "sent-3"] if others is None else others

    def answer(request: Request) -> Response:
        if request.path != "/emails":
            return Response(status=404)
        listed = items(failed if request.args.get("status") == "failed" else [*beside, *failed, *(behind or [])])
        if int(request.args.get("limit", 0)) > most:
            return Response(status=400)
        size = min(int(request.args.get("limit", 10)), cap)
        number = int(request.args.get("page", first)) - first
        if number < 0:
            return Response(status=400)
        start = int(request.args.get("offset") or request.args.get("cursor") or number * size)
        end = start + size if start + size < len(listed) else None
        kept = "&".join(f"{name}={value}" for name, value in request.args.items() if name != "cursor")
        link = f"/emails?{kept}&cursor={end}" if end else None
        headers = {"Link": f'<{link}>; rel="next"'} if link else {"Link": '</emails>; rel="first"'}
        body = {"emails": listed[start : start + size]} | more
        style = request.headers.get("X-Style", "")
        return {
            "cursor": lambda: as_json(body | {"next": str(end) if end else None}),
            "next_url": lambda: as_json(body | {"next": link}),
            "link_header": lambda: as_json(body, **headers),
        }.get(style, lambda: as_json(body))()

    return answer


def styled(settings: ApiSettings, style: PaginationStyle) -> ApiSettings:
    return settings._replace(headers={"X-Style": style})


# Nothing wrong


@pytest.mark.parametrize("count", [2, 10, 25, 47])
@pytest.mark.parametrize("style", [PaginationStyle.PAGE, PaginationStyle.OFFSET, *TOKENS])
def test_an_api_that_is_as_its_settings_say_has_no_traps(
    api: ScriptedApi, settings: ApiSettings, checked: Check, style: PaginationStyle, count: int
) -> None:
    api.answer = serving(ids(count))
    answer = checked(email=source(style), api=styled(settings, style))
    assert answer["traps"] == 0, answer
    assert answer["sources"]["email"]["ids"] == ids(count)[:3]


def test_the_answer_says_what_was_asked_and_what_came(api: ScriptedApi, checked: Check) -> None:
    api.answer = serving(ids(12))
    found = checked(email=source(PaginationStyle.OFFSET))["sources"]["email"]
    assert [(each["for"], each["query"], each["items"]) for each in found["requests"]] == [
        ("page 1", "status=failed&limit=10&offset=0", 10),
        ("page 2", "status=failed&limit=10&offset=10", 2),
        ("page 3", "status=failed&limit=10&offset=12", 0),
        ("without the filters, one item more", "limit=13&offset=0", 13),
    ]
    first = found["requests"][0]
    body = {"emails": items(ids(10))}
    assert (first["method"], first["path"], first["status"]) == ("GET", "/emails", 200)
    assert (first["contentType"], first["bytes"]) == ("application/json", len(json.dumps(body)))
    assert (found["pages"], found["items"], found["end"], found["tried"]) == (3, 12, "empty page", True)
    assert not found["notes"]


def test_three_pages_are_not_the_end_and_so_it_is_said(api: ScriptedApi, checked: Check) -> None:
    api.answer = serving(ids(99))
    found = checked(email=source())["sources"]["email"]
    assert (found["pages"], found["items"]) == (3, 30)
    assert found["end"] == "not read to the end: three pages"


def test_nothing_to_list_is_said_for_then_little_could_be_tried(api: ScriptedApi, checked: Check) -> None:
    api.answer = serving([])
    found = checked(email=source())["sources"]["email"]
    assert found["end"] == "empty page"
    assert found["notes"] == ["nothing is listed now: ids, times and further pages could not be tried"]


@pytest.mark.parametrize("style", list(PaginationStyle))
@pytest.mark.parametrize("count", [0, 5, 10, 1000])
def test_no_more_is_asked_than_three_pages_and_the_named_probes(
    api: ScriptedApi, settings: ApiSettings, checked: Check, style: PaginationStyle, count: int
) -> None:
    api.answer = serving(ids(count))
    made = styled(settings, style)
    answer = checked(email=source(style), sms=source(style, operation="send.sms"), api=made)
    for name in ("email", "sms"):
        purposes = [each["for"] for each in answer["sources"][name]["requests"]]
        pages = [purpose for purpose in purposes if re.fullmatch("page [123]", purpose)]
        assert len(pages) <= 3
        assert [purpose for purpose in purposes if purpose not in pages and purpose not in PROBES] == []
        assert len(set(purposes)) == len(purposes)
    shown = sum(len(each["requests"]) for each in answer["sources"].values())
    gets = [request for request in api.requests if request.method == "GET"]
    assert len(gets) == shown
    assert {request.method for request in api.requests} <= {"GET", "OPTIONS"}


def test_the_check_judges_as_the_lister_does(api: ScriptedApi, settings: ApiSettings, checked: Check) -> None:
    for style in PaginationStyle:
        for count in (0, 5, 10, 20):
            api.answer = serving(ids(count))
            wanted, made = source(style), styled(settings, style)
            listing = Listing({"email": wanted}, Api(made, without_waiting, Secrets()), lambda: True)
            listed = [communication.primary_id for communication in listing]
            found = checked(email=wanted, api=made)["sources"]["email"]
            if "email" in listing.complete and not found["end"].startswith("not read"):
                assert found["end"] == listing.evidence["email"]
                assert found["items"] == len(listed)
            for failure in listing.errors.values():
                assert failure.text in [trap["trap"] for trap in found["traps"]]


# Traps


def only(found: list[dict[str, str]]) -> tuple[str, str]:
    (trap,) = found
    return trap["trap"], trap["line"]


def test_a_full_first_page_without_a_next_one(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(47))
    text, line = only(traps(source(PaginationStyle.CURSOR)))
    assert "the first page is full (10 items)" in text
    assert line == f"{WHERE}.next = …"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"meta": {"next_cursor": "abc"}}, f'{WHERE}.next = "meta.next_cursor"'),
        ({"links": {"next": "/emails?page=2"}}, f'{WHERE} = {{ style = "next_url", next = "links.next", size = 10 }}'),
        (
            {"_links": {"next": {"href": "/emails?page=2"}}},
            f'{WHERE} = {{ style = "next_url", next = "_links.next.href", size = 10 }}',
        ),
        (
            {"links": [{"rel": "self", "href": "/emails"}, {"rel": "next", "href": "/emails?page=2"}]},
            f'{WHERE} = {{ style = "next_url", next = "links[?rel==\'next\'].href | [0]", size = 10 }}',
        ),
        ({"paging": {"next": {"after": "abc"}}}, f'{WHERE}.next = "paging.next.after"'),
        (
            {"@odata.nextLink": "https://a.example/x?$skip=1"},
            f'{WHERE} = {{ style = "next_url", next = "\\"@odata.nextLink\\"", size = 10 }}',
        ),
    ],
)
def test_a_next_page_that_is_named_elsewhere(api: ScriptedApi, traps: Traps, more: dict[str, Any], line: str) -> None:
    api.answer = serving(ids(47), **more)
    assert only(traps(source(PaginationStyle.CURSOR)))[1] == line


@pytest.mark.parametrize("style", TOKENS)
def test_a_short_list_shows_too_that_no_next_page_is_seen(
    api: ScriptedApi, traps: Traps, style: PaginationStyle
) -> None:
    api.answer = serving(ids(4))
    text, line = only(traps(source(style)))
    assert "asked for one item of 4" in text
    assert line == f"{WHERE}.{'style' if style is PaginationStyle.LINK_HEADER else 'next'} = …"


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"size_param": "per_page"}, 'size_param = "per_page", size = 10'),
        ({"size_param": None, "total": "meta.total"}, 'size_param = "", size = 10, total = "meta.total"'),
        ({"size": 100}, ""),
    ],
)
def test_an_object_to_write_holds_what_still_counts(
    api: ScriptedApi, traps: Traps, changes: dict[str, Any], kept: str
) -> None:
    api.answer = lambda request: as_json({"emails": items(ids(200)[:100]), "links": {"next": "/emails?page=2"}})
    lines = [trap["line"] for trap in traps(source(PaginationStyle.CURSOR, pagination=changes, filters={}))]
    assert f'{WHERE} = {{ style = "next_url", next = "links.next"{", " if kept else ""}{kept} }}' in lines


@pytest.mark.parametrize(
    "url", ["http://{host}/emails?status=failed&page={page}", "/emails?page={page}", "?page={page}&status=failed"]
)
def test_a_token_that_is_a_url_names_the_style_that_follows_it(api: ScriptedApi, traps: Traps, url: str) -> None:
    def answer(request: Request) -> Response:
        if "cursor" in request.args:
            return as_json({"error": "cursor?"}, 400)
        return as_json({"emails": items(ids(10)), "paging": {"next": url.format(host=request.host, page=2)}})

    api.answer = answer
    found = traps(source(PaginationStyle.CURSOR, pagination={"next": "paging.next"}))
    assert "gives the next page's URL, not a token" in found[0]["trap"]
    assert found[0]["line"] == f'{WHERE} = {{ style = "next_url", next = "paging.next", size = 10 }}'


def test_a_token_of_odd_letters_is_one(api: ScriptedApi, traps: Traps) -> None:
    def answer(request: Request) -> Response:
        tokens = {None: "/a+b/c==", "/a+b/c==": "?x", "?x": None}
        return as_json({"emails": items([request.args.get("cursor", "0")]), "next": tokens[request.args.get("cursor")]})

    api.answer = answer
    assert traps(source(PaginationStyle.CURSOR, filters={}, pagination={"size_param": None})) == []


@pytest.mark.parametrize("count", [4, 47])
@pytest.mark.parametrize("style", [PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER])
def test_a_next_link_without_the_filters_is_no_trap_for_nothing_is_lost(
    api: ScriptedApi, settings: ApiSettings, checked: Check, style: PaginationStyle, count: int
) -> None:
    def answer(request: Request) -> Response:
        if request.path != "/emails":
            return Response(status=404)
        failed = request.args.get("status") == "failed"
        listed = items(ids(count) if failed else ["sent-1", "sent-2", *ids(count)])
        number, size = int(request.args.get("page", 1)), int(request.args["limit"])
        link = f"/emails?page={number + 1}&limit={size}" if number * size < len(listed) else None
        shown = {"emails": listed[(number - 1) * size : number * size]}
        if style is PaginationStyle.LINK_HEADER:
            return as_json(shown, Link=f"<{link}>; rel=next" if link else "</emails>; rel=first")
        return as_json(shown | {"next": link})

    api.answer = answer
    found = checked(email=source(style))["sources"]["email"]
    assert not found["traps"]
    (note,) = found["notes"]
    assert "next link lacks the filters status" in note
    assert f'By {WHERE} = {{ style = "page", page_param = "page", size = 10 }} no link is needed' in note


@pytest.mark.parametrize("style", [PaginationStyle.PAGE, PaginationStyle.OFFSET, *TOKENS])
def test_a_size_that_the_api_caps(
    api: ScriptedApi, settings: ApiSettings, traps: Traps, style: PaginationStyle
) -> None:
    api.answer = serving(ids(99), cap=20)
    text, line = only(traps(source(style, size=50), api=styled(settings, style)))
    assert "20 items instead of 50" in text
    assert line == f"{WHERE}.size = 20"


def test_an_end_that_was_reached_by_pages_cut_short_is_in_doubt(api: ScriptedApi, checked: Check) -> None:
    """The API caps a page at five, and counts pages by ten."""

    def answer(request: Request) -> Response:
        start = (int(request.args.get("page", 1)) - 1) * 10
        return as_json({"emails": items(ids(15)[start : start + 5]) if start >= 0 else []})

    api.answer = answer
    found = checked(email=source(filters={}))["sources"]["email"]
    assert found["end"] == "in doubt: see the traps"
    assert only(found["traps"])[1] == f"{WHERE}.size = 5"


@pytest.mark.parametrize("status", [404, 400, 204])
@pytest.mark.parametrize("is_emptied", [False, True])
def test_an_api_that_goes_away_after_the_first_page_has_not_ended_its_list(
    api: ScriptedApi, checked: Check, status: int, is_emptied: bool
) -> None:
    """A check reads once, and has no second pass to find out."""
    gone = Response(status=status)
    before = [as_json({"emails": []})] if is_emptied else []
    api.answers(as_json({"emails": items(ids(10))}), gone, gone, *before, gone)
    found = checked(email=source(filters={}))["sources"]["email"]
    assert found["end"] == "not believed: see the traps"


def test_a_size_that_the_api_does_not_know(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(47))
    text, line = only(traps(source(size=5, pagination={"size_param": "per_page"})))
    assert "does the API know 'per_page'?" in text
    assert line == f"{WHERE}.size_param = …"


def test_a_page_before_the_first_has_items_too(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(27), first=0)
    text, line = only(traps(source()))
    assert "there are items at page = 0 too" in text
    assert line == f"{WHERE}.first_page = 0"
    assert sum(request.args.get("page") == "0" for request in api.requests) == 1
    assert not traps(source(pagination={"first_page": 0}))
    api.answer = serving(ids(4), first=0)
    assert traps(source())[-1]["line"] == f"{WHERE}.first_page = 0"


def test_an_item_before_the_first(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(27))
    scim = source(PaginationStyle.OFFSET, pagination={"first_offset": 1})
    assert only(traps(scim))[1] == f"{WHERE}.first_offset = 0"


def test_a_page_before_the_first_that_is_the_first_is_no_trap(api: ScriptedApi, traps: Traps) -> None:
    good = serving(ids(27))
    api.answer = lambda request: (
        good(request) if request.args.get("page") != "0" else as_json({"emails": items(ids(10))})
    )
    assert not traps(source())


def test_a_page_before_the_first_is_asked_for_once(api: ScriptedApi, traps: Traps) -> None:
    good = serving(ids(27))
    api.answer = lambda request: good(request) if request.args.get("page") != "0" else Response(status=503)
    assert not traps(source())
    assert sum(request.args.get("page") == "0" for request in api.requests) == 1


def test_a_size_that_the_api_refuses(api: ScriptedApi, traps: Traps) -> None:
    good = serving(ids(4))
    api.answer = lambda request: good(request) if "limit" not in request.args else Response(status=400)
    assert f'{WHERE}.size_param = ""' in [trap["line"] for trap in traps(source())]


def test_a_number_that_the_api_does_not_know(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(4))
    text, line = only(traps(source(pagination={"page_param": "seite"})))
    assert "does the API know 'seite'?" in text
    assert line == f"{WHERE}.page_param = …"


def test_ids_that_repeat(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving([{"id": f"c-{n % 6}", "at": n} for n in range(20)])
    text, line = only(traps(source()))
    assert "14 of 20 items have an id that came before" in text
    assert line == "sources.email.id = …"  # none of the others may be one


def test_items_without_an_id_name_a_field_that_may_be_one(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving([{"emailId": n, "to": "ann@example.com"} for n in range(5)])
    text, line = only(traps(source()))
    assert text == "5 items without a usable id; sources.email.id is 'id'"
    assert line == 'sources.email.id = "emailId"'


@pytest.mark.parametrize("style", [PaginationStyle.PAGE, PaginationStyle.OFFSET, PaginationStyle.CURSOR])
@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"mailId": 1, "to": "x"}, "without a usable id"),
        ({"id": "failed", "mailId": 1}, "an id that came before"),
        ({"id": {"a": 1}, "mailId": 1}, "without a usable id"),
    ],
)
def test_a_wrong_id_is_said_before_what_comes_of_it(
    api: ScriptedApi, traps: Traps, style: PaginationStyle, item: dict[str, Any], words: str
) -> None:
    api.answers(as_json({"emails": [item] * 10, "next": "x"}))
    first, *others = traps(source(style))
    assert words in first["trap"]
    assert first["line"] == 'sources.email.id = "mailId"'
    assert others


@pytest.mark.parametrize(
    "address", ["ann@example.com", "Ann Smith <ann@example.com>", "+49 151 23456789", "0049151234567", "mailto:ann@x"]
)
def test_ids_that_are_addresses_are_a_trap_and_are_not_shown(api: ScriptedApi, checked: Check, address: str) -> None:
    api.answer = serving([{"id": address, "mailId": 7}])
    answer = checked(email=source())
    text, line = only(answer["sources"]["email"]["traps"])
    assert text.startswith("1 of 1 ids look like an e-mail address or a phone number")
    assert line == 'sources.email.id = "mailId"'
    assert answer["sources"]["email"]["ids"] == [f"{address[0]}…"]
    assert address not in json.dumps(answer, ensure_ascii=False)


def test_ids_of_digits_and_of_messages_are_no_addresses(api: ScriptedApi, checked: Check) -> None:
    shown = ["491512345678", "<a.1@mail.example.com>", "em@1"]
    api.answer = serving([{"id": each} for each in shown])
    found = checked(email=source())["sources"]["email"]
    assert found["ids"] == shown
    assert not found["traps"]


def test_what_is_listed_without_the_filters_shows_the_id_where_nothing_failed(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving([], others=[{"uuid": "a", "name": "b"}])
    assert only(traps(source()))[1] == 'sources.email.id = "uuid"'


@pytest.mark.parametrize("age", ["min_age_seconds", "max_age_seconds"])
def test_times_that_do_not_parse(api: ScriptedApi, traps: Traps, age: str) -> None:
    api.answer = serving([{"id": n, "at": "yesterday", "failedAt": "2026-11-24T02:15:00Z"} for n in range(5)])
    text, line = only(traps(source(failed_at="at", **{age: 10**9})))
    assert text == "5 items without a usable failed_at; sources.email.failed_at is 'at'"
    assert line == 'sources.email.failed_at = "failedAt"'


def test_times_in_the_future(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving([{"id": n, "at": clock.now() + 86400 * 30} for n in range(5)])
    text, line = only(traps(source(failed_at="at", min_age_seconds=60)))
    assert "5 items that failed in the future" in text
    assert line == "sources.email.failed_at = …"


def test_what_is_too_young_or_too_old_is_counted(api: ScriptedApi, checked: Check) -> None:
    api.answer = serving([{"id": 1, "at": clock.now()}, {"id": 2, "at": 10**9}, {"id": 3, "at": clock.now() - 100}])
    aged = source(failed_at="at", min_age_seconds=60, max_age_seconds=3600)
    assert checked(email=aged)["sources"]["email"]["notes"] == [
        "too young to be sent now: 1",
        "too old to be sent now: 1",
    ]


def test_a_link_header_where_the_style_is_none(api: ScriptedApi, settings: ApiSettings, traps: Traps) -> None:
    api.answer = serving(ids(47))
    wanted = source(PaginationStyle.NONE)
    text, line = only(traps(wanted, api=styled(settings, PaginationStyle.LINK_HEADER)))
    assert "the API pages its list: there is the header Link in the answer" in text
    assert line == f'{WHERE}.style = "link_header"'


@pytest.mark.parametrize(
    ("style", "more"),
    [
        (PaginationStyle.LINK_HEADER, {}),
        (PaginationStyle.CURSOR, {}),
        (PaginationStyle.NONE, {"meta": {"total_pages": 1}}),
        (PaginationStyle.NONE, {"has_more": False}),
    ],
)
def test_an_api_that_pages_is_noticed_while_its_list_is_short(
    api: ScriptedApi, settings: ApiSettings, traps: Traps, style: PaginationStyle, more: dict[str, Any]
) -> None:
    api.answer = serving(ids(3), **more)
    text, line = only(traps(source(PaginationStyle.NONE), api=styled(settings, style)))
    assert "the API pages its lists, though this one fits on a page now" in text
    assert line == f"{WHERE}.style = …"


def test_an_api_that_does_not_page_is_no_trap(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(3), total=3)
    assert not traps(source(PaginationStyle.NONE))


def test_filters_that_change_nothing(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(12), others=[])
    text, line = only(traps(source(filters={"state": "failed"})))
    assert "the filters state change nothing" in text
    assert line == "sources.email.filters = …"
    assert not traps(source(filters={}))


@pytest.mark.parametrize("count", [4, 20, 27])
@pytest.mark.parametrize("style", [PaginationStyle.PAGE, PaginationStyle.CURSOR])
def test_filters_that_leave_out_only_what_is_listed_last_are_no_trap(
    api: ScriptedApi, settings: ApiSettings, traps: Traps, style: PaginationStyle, count: int
) -> None:
    api.answer = serving(ids(count), others=[], behind=["sent-1"])
    assert not traps(source(style), api=styled(settings, style))


def test_filters_that_change_nothing_are_found_where_no_larger_size_is_taken(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(12), others=[], most=10)
    assert "the filters state change nothing" in only(traps(source(filters={"state": "failed"})))[0]


def test_filters_that_change_the_total_alone_are_no_trap(api: ScriptedApi, traps: Traps) -> None:
    def answer(request: Request) -> Response:
        total = 30 if "status" in request.args else 500
        start = (int(request.args.get("page", 1)) - 1) * 10
        return as_json({"emails": items(ids(30)[start : start + 10]) if start >= 0 else [], "total": total})

    api.answer = answer
    assert not traps(source())


def test_filters_that_the_api_refuses(api: ScriptedApi, traps: Traps) -> None:
    good = serving(ids(4))
    api.answer = lambda request: good(request) if "status" not in request.args else as_json({"error": "status?"}, 422)
    lines = [trap["line"] for trap in traps(source())]
    assert "sources.email.filters = …" in lines


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Response(status=404), "sources.email.path = …"),
        (Response("<h1>Hello</h1>", content_type="text/html"), "sources.email.path = …"),
        (as_json({"data": {"rows": [{"id": 1}]}}), 'sources.email.items = "data.rows"'),
        (as_json([{"id": 1}]), 'sources.email.items = "@"'),
        (Response(status=301, headers={"Location": "/emails/"}), "sources.email.path = …"),
        (Response(status=302, headers={"Location": "/login"}), "sources.email.path = …"),
        (Response(status=302, headers={"Location": "https://www.example/"}), "api.base_url = …"),
        (Response(status=401), 'api.auth.type = "bearer"'),
        (Response(status=403), 'api.auth.type = "bearer"'),
        (Response(status=406), "api.headers = …"),
        (as_json({}, 400), f"{WHERE}.size_param = …"),
    ],
)
def test_an_answer_that_is_no_list_names_the_line(api: ScriptedApi, traps: Traps, answer: Response, line: str) -> None:
    api.answers(answer)
    text, found = only(traps(source(filters={})))
    assert text
    assert found == line


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("/emails/?status=failed", "; write the path with a slash at its end"),
        ("{url}/emails/", "; write the path with a slash at its end"),
        (
            "https://www.example.com/emails?token=x",
            "; it leads to https://www.example.com: if that is the same application, set api.base_url to it",
        ),
        ("https://ann@www.example.com/emails", ""),
        ("/login", ""),
        (None, ""),
    ],
)
def test_a_redirect_is_not_followed_and_may_say_what_to_write(
    api: ScriptedApi, traps: Traps, location: str | None, words: str
) -> None:
    headers = {"Location": location.format(url=api.url)} if location else {}
    api.answers(Response(status=301, headers=headers))
    text, _ = only(traps(source(filters={})))
    assert text == f"GET /emails: HTTP 301 Moved Permanently, which is not followed{words}"


def test_a_token_that_is_a_link_names_what_is_in_it(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(47), _links={"next": {"href": "/emails?page=2"}})
    found = traps(source(PaginationStyle.NEXT_URL, pagination={"next": "_links.next"}))
    assert f'{WHERE}.next = "_links.next.href"' in [trap["line"] for trap in found]


def test_an_expression_that_is_none(api: ScriptedApi, traps: Traps) -> None:
    api.answer = serving(ids(4))
    assert only(traps(source(items="emails[")))[1] == "sources.email.items = …"


def test_an_api_that_nobody_listens_at_could_not_be_tried(checked: Check) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        answer = checked(email=source(), api=ApiSettings(url, connect_timeout_seconds=10, read_timeout_seconds=10))
    found = answer["sources"]["email"]
    assert not found["tried"]
    assert found["end"] == "could not be tried"
    assert only(found["traps"]) == ("GET /emails: no connection: refused, nothing listens there", "api.base_url = …")
    assert answer["requeue"][0]["reachable"] == "not checked"


def test_tls_that_cannot_be_trusted_is_a_trap(private_api: tuple[str, str], checked: Check) -> None:
    url, _ = private_api
    answer = checked(email=source(), api=ApiSettings(url, connect_timeout_seconds=10, read_timeout_seconds=10))
    found = answer["sources"]["email"]
    text, line = only(found["traps"])
    assert "no TLS connection: unknown certificate authority" in text
    assert line == "api.ca_bundle_secret_arn = …"
    assert found["tried"]


def test_two_sources_that_list_the_same_are_noted(api: ScriptedApi, checked: Check) -> None:
    api.answer = serving(ids(4))
    answer = checked(email=source(), again=source())
    assert answer["traps"] == 0
    (note,) = answer["sources"]["again"]["notes"]
    assert note.startswith("4 of its ids are listed by sources.email too")
    assert answer["sources"]["again"]["items"] == 4


def test_the_documents_sample_is_what_is_printed(
    api: ScriptedApi, checked: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    lists = serving([1001 + number for number in range(47)], others=[])

    def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            is_there = request.path == "/communications/requeue"
            return Response(headers={"Allow": "OPTIONS, POST"}) if is_there else Response(status=404)
        return lists(request)

    api.answer = answer
    show(checked(requeue=RequeueSettings("/communications/requeue"), email=source(filters={"state": "failed"})))
    printed = capsys.readouterr().out.strip()
    assert printed in DOCUMENT.read_text("utf-8"), printed


# What may not appear


@pytest.mark.parametrize("style", TOKENS)
def test_no_secret_and_no_more_than_three_ids_are_in_the_answer(
    api: ScriptedApi, settings: ApiSettings, checked: Check, style: PaginationStyle
) -> None:
    """Keyset cursors hold ids, also in a link's path."""

    def answer(request: Request) -> Response:
        after = request.args.get("cursor") or request.path.partition("/after/")[2]
        listed = ids(47) if "status" in request.args else [*ids(47), "sent-1"]
        start = listed.index(after) + 1 if after else 0
        size = int(request.args["limit"])
        shown, last = items(listed[start : start + size]), listed[min(start + size, len(listed)) - 1]
        if start >= 20:
            return as_json({}, 500)
        if style is PaginationStyle.CURSOR:
            return as_json({"emails": shown, "next": last})
        link = f"/emails/after/{last}?status=failed&limit={size}&signature=s3cr3t"
        headers = {"Link": f"<{link}>; rel=next"} if style is PaginationStyle.LINK_HEADER else {}
        return as_json({"emails": shown, "next": link}, **headers)

    api.answer = answer
    answer_of_check = checked(email=source(style, filters={"status": "failed", "api_key": "s3cr3t"}))
    text = json.dumps(answer_of_check)
    assert set(re.findall(r"em-\d+", text)) == {"em-0", "em-1", "em-2"}
    assert "s3cr3t" not in text
    assert "HTTP 500" in text


# Requeue


@pytest.mark.parametrize(
    ("answer", "reachable", "trap"),
    [
        ({"/requeue": (200, "POST, OPTIONS")}, "yes", None),
        ({"/requeue": (405, "POST")}, "yes", None),
        ({"/requeue": (204, "GET, HEAD, OPTIONS")}, "no", "/requeue takes GET, HEAD, OPTIONS, not POST"),
        ({"/emails": (200, "GET")}, "no", "there is no /requeue: HTTP 404 Not Found"),
        ({}, "not checked", None),
        ({"/requeue": (200, "")}, "not checked", None),
        ({"/requeue": (401, "")}, "not checked", None),
        ({"/requeue": (403, "")}, "not checked", None),
        ({"/requeue": (501, "")}, "not checked", None),
        ({"*": (204, "GET, POST, PUT")}, "not checked", None),
    ],
)
def test_whether_requeue_is_reachable_is_asked_without_sending(
    api: ScriptedApi, checked: Check, answer: dict[str, tuple[int, str]], reachable: str, trap: str | None
) -> None:
    lists = serving(ids(4))

    def answering(request: Request) -> Response:
        if request.method != "OPTIONS":
            return lists(request)
        status, allow = answer.get(request.path) or answer.get("*") or (404, "")
        return Response(status=status, headers={"Allow": allow} if allow else {})

    api.answer = answering
    (found,) = checked(email=source())["requeue"]
    assert (found["method"], found["path"], found["sources"]) == ("POST", "/requeue", ["email"])
    assert found["reachable"] == reachable
    assert found["why"]
    assert [each["trap"] for each in found["traps"]] == ([trap] if trap else [])
    assert [each["line"] for each in found["traps"]] == (["requeue.path = …"] if trap else [])
    assert {request.method for request in api.requests} == {"GET", "OPTIONS"}
    assert sum(request.method == "OPTIONS" for request in api.requests) <= 2


def test_nothing_more_is_asked_with_credentials_that_are_refused(api: ScriptedApi, checked: Check) -> None:
    api.answers(Response(status=401))
    answer = checked(email=source())
    assert (answer["requeue"][0]["reachable"], answer["requeue"][0]["why"]) == ("not checked", "no list was read")
    assert [request.method for request in api.requests] == ["GET"]


def test_each_endpoint_is_asked_with_an_id_that_is_none(api: ScriptedApi, checked: Check) -> None:
    lists = serving(ids(4))
    asked: list[str] = []

    def answering(request: Request) -> Response:
        if request.method == "OPTIONS":
            asked.append(request.path)
            is_there = re.fullmatch("/(requeue|emails/[^/]+/send)", request.path) and "-check-" not in request.path
            return Response(status=405, headers={"Allow": "POST"}) if is_there else Response(status=404)
        return lists(request)

    api.answer = answering
    requeue = RequeueSettings("/requeue", source_paths={"email": "/emails/{primaryId}/send"})
    answer = checked(requeue=requeue, email=source(), sms=source(operation="send.sms"))
    assert [(each["path"], each["reachable"]) for each in answer["requeue"]] == [
        ("/emails/{primaryId}/send", "yes"),
        ("/requeue", "yes"),
    ]
    assert not [path for path in asked if "em-" in path]


def test_an_accepted_that_is_no_expression_is_a_trap(api: ScriptedApi, checked: Check) -> None:
    api.answer = serving(ids(4))
    answer = checked(requeue=RequeueSettings("/requeue", accepted="success =="), email=source())
    assert only(answer["requeue"][0]["traps"])[1] == "requeue.accepted = …"
    assert answer["traps"] == 1
