"""Every style hands out every id, whatever the list does meanwhile, and an answer that is none is an error."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from redrive import clock
from redrive.api import Api
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused, ListingError
from redrive.models import primary_id
from redrive.page import Page
from redrive.page_requests import MAX_TOKEN
from redrive.pagination import Reader
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, Source
from tests.unit.support import ZONES, ScriptedApi, Time, as_json
from tests.waiting import without_waiting

STYLES = list(PaginationStyle)


def source(style: PaginationStyle, size: int = 3, **changes: Any) -> Source:
    pagination = Pagination(style=style, size=size, next="next", **changes.pop("pagination", {}))
    fields = {"path": "/emails", "operation": "send.email", "filters": {"status": "failed"}, "items": "emails"}
    return Source(pagination=pagination, **(fields | changes))


def paged(
    ids: Sequence[Any],
    style: PaginationStyle,
    largest_page: int = 1000,
    item: Callable[[Any], dict[str, Any]] = lambda id_: {"id": id_},
) -> Callable[[Request], Response]:
    """Serve a list in a style; a server may cap the size of a page."""

    def answer(request: Request) -> Response:
        assert request.args["status"] == "failed"
        size = min(int(request.args.get("limit", len(ids) or 1)), largest_page)
        start = {
            PaginationStyle.PAGE: (int(request.args.get("page", 1)) - 1) * size,
            PaginationStyle.OFFSET: int(request.args.get("offset", 0)),
        }.get(style, int(request.args.get("cursor", 0)))
        body: dict[str, Any] = {"emails": [item(id_) for id_ in ids[start : start + size]], "next": None}
        headers = {}
        if start + size < len(ids):
            url = f"/emails?status=failed&limit={size}&cursor={start + size}"
            body["next"] = {PaginationStyle.CURSOR: start + size, PaginationStyle.NEXT_URL: url}.get(style)
            headers = {"Link": f'<{url}>; rel="next"'} if style is PaginationStyle.LINK_HEADER else {}
        return as_json(body, **headers)

    return answer


def reader(settings: ApiSettings) -> Api:
    return Api(settings, without_waiting, Secrets())


def read_pages(name: str, source: Source, api: Api) -> Iterator[Page]:
    """Give the pages that list something."""
    return filter(None, Reader(name, source, api).pages())


def read(source: Source, settings: ApiSettings) -> list[str]:
    return [id_ for page in read_pages("email", source, reader(settings)) for id_ in page.ids]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(style=st.sampled_from(STYLES), ids=st.lists(st.integers(), unique=True, max_size=20), data=st.data())
def test_every_style_reads_every_id_in_order(
    api: ScriptedApi, settings: ApiSettings, style: PaginationStyle, ids: list[int], data: st.DataObject
) -> None:
    # On pages of one item, saying nothing at the end of a list is the same as never saying anything.
    size = data.draw(st.integers(2 if style is PaginationStyle.LINK_HEADER else 1, 8), label="size asked for")
    largest_page = 1000 if style is PaginationStyle.NONE else data.draw(st.integers(1, 8), label="largest page")
    api.answer = paged(ids, style, largest_page)
    assert read(source(style, size), settings) == [str(id_) for id_ in ids]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    style=st.sampled_from([PaginationStyle.PAGE, PaginationStyle.OFFSET]),
    gone=st.sets(st.integers(0, 19), max_size=6),
    after=st.integers(1, 4),
)
def test_a_list_that_shifts_while_it_is_paged_loses_nothing(
    api: ScriptedApi, settings: ApiSettings, style: PaginationStyle, gone: set[int], after: int
) -> None:
    requests = 0

    def answer(request: Request) -> Response:
        nonlocal requests
        requests += 1
        left = [id_ for id_ in range(20) if requests <= after or id_ not in gone]
        return paged(left, style)(request)

    api.answer = answer
    assert {int(id_) for id_ in read(source(style, 4), settings)} >= set(range(20)) - gone


def test_names_of_parameters_and_the_first_page_are_the_applications(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"emails": [{"id": 1}]}), as_json({"emails": []}))
    names = {"page_param": "p", "first_page": 0, "size_param": "per_page"}
    assert read(source(PaginationStyle.PAGE, 50, pagination=names), settings) == ["1"]
    assert api.requests[0].args.to_dict() == {"status": "failed", "p": "0", "per_page": "50"}


def test_items_and_ids_are_found_by_jmespath(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"data": {"rows": [{"key": {"uuid": "a"}}, {"key": {"uuid": "b"}}]}}))
    found = read(source(PaginationStyle.NONE, items="data.rows", id="key.uuid"), settings)
    assert found == ["a", "b"]


def test_a_list_of_bare_ids_will_do(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json([5, "6"]))
    assert read(source(PaginationStyle.NONE, items="@", id="@"), settings) == ["5", "6"]


def test_items_without_an_id_are_counted_and_the_others_read(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"emails": [{"id": 1}, {"no": 2}, {"id": None}, {"id": 4}, None]}))
    (page,) = read_pages("email", source(PaginationStyle.NONE), reader(settings))
    assert page == Page(("1", "4"), without_id=3, milliseconds=page.milliseconds)


@pytest.mark.parametrize(
    "odd", ["", "-", "x" * 128, "x" * 129, "ü", "\u0664", "a b", " ", "a\nb", 7, 7.5, None, [], {}]
)
def test_an_odd_id_among_plain_ones_is_judged_as_by_itself(
    odd: object, api: ScriptedApi, settings: ApiSettings
) -> None:
    api.answers(as_json({"emails": [{"id": "6f1c-42"}, {"id": odd}, {"id": "7"}]}))
    (page,) = read_pages("email", source(PaginationStyle.NONE), reader(settings))
    assert page.ids == tuple(filter(None, ["6f1c-42", primary_id(odd), "7"]))
    assert page.without_id + page.too_long == 3 - len(page.ids)
    assert page.too_long == (odd == "x" * 129)


def test_items_without_an_id_are_counted_once_though_a_list_is_read_twice(
    api: ScriptedApi, settings: ApiSettings
) -> None:
    api.answer = paged([1, None, 3, 4], PaginationStyle.OFFSET)
    pages = list(read_pages("email", source(PaginationStyle.OFFSET, 2), reader(settings)))
    assert sum(page.without_id for page in pages) == 1


AGED: dict[str, Any] = {"failed_at": "failedAt", "min_age_seconds": 3600.0}


def failed(id_: object, age: float, form: str = "RFC 3339") -> dict[str, Any]:
    """An item that failed so many seconds ago, in one of the forms in which an API says when."""
    at = datetime.fromtimestamp(clock.now() - age, UTC)
    forms = {
        "RFC 3339": at.isoformat(),
        "RFC 3339 with Z": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "RFC 3339 of another zone": at.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(),
        "no zone": f"{at:%Y-%m-%dT%H:%M:%S}",
        "seconds": at.timestamp(),
        "whole seconds": int(at.timestamp()),
        "milliseconds": int(at.timestamp() * 1000),
    }
    return {"id": id_, "failedAt": forms[form]}


@pytest.mark.parametrize(
    "form",
    [
        "RFC 3339",
        "RFC 3339 with Z",
        "RFC 3339 of another zone",
        "no zone",
        "seconds",
        "whole seconds",
        "milliseconds",
    ],
)
def test_what_failed_too_recently_is_set_apart(api: ScriptedApi, settings: ApiSettings, form: str) -> None:
    api.answers(as_json({"emails": [failed(1, 3500, form), failed(2, 3700, form)]}))
    (page,) = read_pages("email", source(PaginationStyle.NONE, **AGED), reader(settings))
    assert (page.ids, page.young, page.without_time) == (("2",), ("1",), 0)


def test_what_was_too_young_is_old_enough_later(api: ScriptedApi, settings: ApiSettings, time: Time) -> None:
    api.answers(as_json({"emails": [failed(1, 3500)]}))
    time.passes(200)
    assert read(source(PaginationStyle.NONE, **AGED), settings) == ["1"]


@pytest.mark.parametrize("setting", ["failed_at", "min_age_seconds"])
def test_without_an_age_to_reach_nothing_is_too_young(api: ScriptedApi, settings: ApiSettings, setting: str) -> None:
    api.answers(as_json({"emails": [failed(1, 0), {"id": 2}]}))
    aged = {name: value for name, value in AGED.items() if name == setting}
    (page,) = read_pages("email", source(PaginationStyle.NONE, **aged), reader(settings))
    assert (page.ids, page.without_time) == (("1", "2"), 0)


def test_items_without_a_usable_time_count_as_old_and_are_counted(api: ScriptedApi, settings: ApiSettings) -> None:
    items = [{"id": 1}, {"id": 2, "failedAt": None}, {"id": 3, "failedAt": "yesterday"}, failed(4, 0), failed(5, 9999)]
    api.answers(as_json({"emails": items}))
    (page,) = read_pages("email", source(PaginationStyle.NONE, **AGED), reader(settings))
    assert (page.ids, page.young, page.without_time) == (("1", "2", "3", "5"), ("4",), 3)


@pytest.mark.parametrize("unset", ["0001-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z", "1900-01-01", None])
def test_a_time_that_was_never_set_is_not_too_long_ago(api: ScriptedApi, settings: ApiSettings, unset: object) -> None:
    api.answers(as_json({"emails": [{"id": 1, "failedAt": unset}, failed(2, 9999)]}))
    (page,) = read_pages("email", source(PaginationStyle.NONE, **AGED, max_age_seconds=9000.0), reader(settings))
    assert (page.ids, page.old, page.without_time) == (("1",), ("2",), 1)


def test_items_without_a_usable_time_are_counted_once_though_a_list_is_read_twice(
    api: ScriptedApi, settings: ApiSettings
) -> None:
    api.answer = paged([1, 2, 3, 4], PaginationStyle.OFFSET)
    pages = list(read_pages("email", source(PaginationStyle.OFFSET, 2, **AGED), reader(settings)))
    assert sum(page.without_time for page in pages) == 4


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    times=st.lists(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()  # Python's JSON has NaN and Infinity
        | st.text(max_size=12)
        | st.datetimes(timezones=st.none() | ZONES).map(datetime.isoformat)
        | st.lists(st.integers(), max_size=1),
        max_size=6,
    )
)
def test_whatever_an_api_gives_as_time_no_item_is_lost(
    api: ScriptedApi, settings: ApiSettings, times: list[Any]
) -> None:
    api.answers(as_json({"emails": [{"id": number, "failedAt": at} for number, at in enumerate(times)]}))
    (page,) = read_pages("email", source(PaginationStyle.NONE, **AGED), reader(settings))
    assert sorted([*page.ids, *page.young], key=int) == [str(number) for number in range(len(times))]
    assert page.without_time <= len(page.ids)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(style=st.sampled_from(STYLES), ages=st.lists(st.sampled_from([0, 3500, 3700, 10**6]), max_size=12))
def test_every_style_sets_apart_what_is_too_young(
    api: ScriptedApi, settings: ApiSettings, style: PaginationStyle, ages: list[int]
) -> None:
    api.answer = paged(list(range(len(ages))), style, item=lambda id_: failed(id_, ages[id_]))
    pages = list(read_pages("email", source(style, 4, **AGED), reader(settings)))
    young = [int(id_) for page in pages for id_ in page.young]
    old = [int(id_) for page in pages for id_ in page.ids]
    assert young == [id_ for id_, age in enumerate(ages) if age < 3600]
    assert old == [id_ for id_, age in enumerate(ages) if age > 3600]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Response("<h1>Sign in</h1>", content_type="text/html"), "body is not JSON (text/html)"),
        (Response("", content_type="application/json"), "the body is empty"),
        (Response("[" * 100_000, content_type="application/json"), "body is not JSON"),
        (
            Response('["ü"]'.encode("latin-1")),
            "(text/plain; charset=utf-8, and not in UTF-8)",
        ),
        (as_json({"data": "gone"}), "sources.email.items: 'emails' must give a list, and gives null"),
        (as_json({"error": "gone"}), "HTTP 200, but the answer says in error that something went wrong"),
        (as_json({"emails": {"id": 1}}), "must give a list, and gives dict"),
        (as_json({}, status=404), "HTTP 404; there is no such endpoint"),
        (as_json({}, status=400), "GET /emails: HTTP 400 Bad Request"),
    ],
)
def test_an_answer_that_is_no_list_says_what_it_is(
    api: ScriptedApi, settings: ApiSettings, answer: Response, message: str
) -> None:
    api.answers(answer)
    with pytest.raises(ListingError, match=re.escape(message)):
        read(source(PaginationStyle.CURSOR), settings)


def test_what_the_application_wrote_is_never_quoted(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"emails": [{"id": 1, "to": "ann@example.com"}]}))
    with pytest.raises(ListingError) as error:
        read(source(PaginationStyle.NONE, items="length(emails[0])"), settings)
    assert "ann@example.com" not in str(error.value)
    with pytest.raises(ListingError) as error:
        read(source(PaginationStyle.NONE, items="join(',', emails)"), settings)
    assert "ann@example.com" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"items": "emails["}, "items"),
        ({"id": "nope(@)"}, "id"),
        ({"id": "length()"}, "id"),
        ({"items": ""}, "items"),
        ({"failed_at": "failedAt[", "min_age_seconds": 60.0}, "failed_at"),
    ],
)
def test_an_expression_that_is_none_is_named(
    api: ScriptedApi, settings: ApiSettings, changes: dict[str, Any], where: str
) -> None:
    api.answers(as_json({"emails": [{"id": 1}]}))
    with pytest.raises((ConfigurationError, ListingError), match=rf"sources\.email\.{where}"):
        read(source(PaginationStyle.NONE, **changes), settings)


@pytest.mark.parametrize("style", [PaginationStyle.CURSOR, PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER])
def test_a_page_that_repeats_ends_with_an_error(
    api: ScriptedApi, settings: ApiSettings, style: PaginationStyle
) -> None:
    token = "same" if style is PaginationStyle.CURSOR else f"{api.url}/emails?page=same"
    headers = {"Link": f'<{token}>; rel="next"'} if style is PaginationStyle.LINK_HEADER else {}
    api.answers(as_json({"emails": [{"id": 1}], "next": token}, **headers))
    with pytest.raises(ListingError, match="never end"):
        read(source(style), settings)
    assert len(api.requests) == 2


def test_an_api_that_ignores_the_pages_number_is_found_out(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"emails": [{"id": 1}, {"id": 2}, {"id": 3}]}))
    with pytest.raises(ListingError, match="does the API know 'page'"):
        read(source(PaginationStyle.PAGE, 3), settings)


@pytest.mark.parametrize("number", [2, 5, 6])
def test_the_last_page_given_again_is_the_end(api: ScriptedApi, settings: ApiSettings, number: int) -> None:
    ids = list(range(number))
    serve = paged(ids, PaginationStyle.OFFSET)

    def clamped(request: Request) -> Response:
        page = min(int(request.args["page"]), (number + 2) // 3)
        return serve(Request(request.environ | {"QUERY_STRING": f"status=failed&limit=3&offset={(page - 1) * 3}"}))

    api.answer = clamped
    assert read(source(PaginationStyle.PAGE, 3), settings) == [str(id_) for id_ in ids]


@pytest.mark.parametrize("style", [PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER])
@pytest.mark.parametrize("url", ["https://elsewhere.example/emails", "//elsewhere.example/x", "http://127.0.0.1:1/x"])
def test_a_next_page_on_another_origin_is_refused(
    api: ScriptedApi, settings: ApiSettings, style: PaginationStyle, url: str
) -> None:
    headers = {"Link": f'<{url}>; rel="next"'} if style is PaginationStyle.LINK_HEADER else {}
    api.answers(as_json({"emails": [{"id": 1}], "next": url}, **headers))
    with pytest.raises(ListingError, match="not followed, for the credentials would go there"):
        read(source(style), settings)


@pytest.mark.parametrize("url", ["http://h:notaport/x", "http://[bad/x"])
def test_a_next_page_that_is_no_url_is_told(api: ScriptedApi, settings: ApiSettings, url: str) -> None:
    api.answers(as_json({"emails": [{"id": 1}], "next": url}))
    with pytest.raises(ListingError, match="URL"):
        read(source(PaginationStyle.NEXT_URL), settings)


def test_a_next_token_that_is_an_object_is_refused(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(as_json({"emails": [{"id": 1}], "next": {"page": 2}}))
    with pytest.raises(ListingError, match=r"sources\.email\.pagination\.next"):
        read(source(PaginationStyle.CURSOR), settings)


def test_a_next_token_may_be_as_long_as_a_server_takes_and_no_longer(api: ScriptedApi, settings: ApiSettings) -> None:
    # A server of the tests takes them all; what is refused is refused before it is asked for.
    pages = {"": "a" * MAX_TOKEN, "a" * MAX_TOKEN: "b" * (MAX_TOKEN + 1)}
    api.answer = lambda request: as_json(
        {"emails": [{"id": len(api.requests)}], "next": pages[request.args.get("cursor", "")]}
    )
    with pytest.raises(ListingError, match=r"pagination\.next: 'next' gives a text of more than 16,384 characters"):
        read(source(PaginationStyle.CURSOR), settings)
    assert len(api.requests) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_as_such(api: ScriptedApi, settings: ApiSettings, status: int) -> None:
    api.answers(as_json({}, status=status))
    with pytest.raises(CredentialsRefused, match=str(status)):
        read(source(PaginationStyle.NONE), settings)


def test_an_api_that_recovers_is_read_to_the_end(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(status=503), Response(status=429, headers={"Retry-After": "0"}), as_json({"emails": []}))
    assert read(source(PaginationStyle.NONE), settings) == []


@pytest.mark.parametrize(
    ("status", "tries"), [(500, 4), (502, 4), (504, 4), (507, 4), (520, 4), (529, 4), (530, 4), (501, 1), (505, 1)]
)
def test_a_server_that_fails_is_asked_again_unless_it_never_will_answer(
    api: ScriptedApi, settings: ApiSettings, status: int, tries: int
) -> None:
    api.answers(Response(status=status))
    with pytest.raises(ApiUnavailable, match=f"HTTP {status}"):
        read(source(PaginationStyle.NONE), settings)
    assert len(api.requests) == tries


def test_an_api_that_stays_down_is_unavailable(api: ScriptedApi, settings: ApiSettings) -> None:
    api.answers(Response(status=503))
    with pytest.raises(ApiUnavailable, match="HTTP 503 Service Unavailable"):
        read(source(PaginationStyle.NONE), settings)
    assert len(api.requests) == 4
