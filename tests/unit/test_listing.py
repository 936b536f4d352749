"""All sources of a run become one list: without duplicates, within limits, and no source stops another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.wrappers import Request, Response

from redrive.api import Api
from redrive.listing import Listing, list_failed_communications
from redrive.pagination import Page, read_pages
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, Source
from redrive.transport import listing_retry
from tests.unit.support import ScriptedApi, as_json

EMAIL = Source(path="/emails", operation="send.email")
SMS = Source(path="/sms", operation="send.sms")
OFFSET = Pagination(style=PaginationStyle.OFFSET, size=2)


@pytest.fixture
def lists(api: ScriptedApi) -> dict[str, list[object]]:
    """What each path lists; the answers are paged by offset where one is asked for."""
    lists: dict[str, list[object]] = {}

    def answer(request: Request) -> Response:
        if request.path not in lists:
            return Response("<h1>Oops</h1>", status=200, content_type="text/html")
        start = int(request.args.get("offset", 0))
        return as_json([{"id": id_} for id_ in lists[request.path][start : start + int(request.args.get("limit", 99))]])

    api.answer = answer
    return lists


def listed(settings: ApiSettings, limit: int = 100, has_time: bool = True, **sources: Source) -> Listing:
    api = Api(settings, listing_retry, Secrets())
    return list_failed_communications(sources, api, limit, lambda found: has_time)


def test_every_source_is_listed(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, 2], "/sms": [7]}
    listing = listed(settings, email=EMAIL, sms=SMS)
    assert [(c.operation, c.primary_id, c.source) for c in listing.communications] == [
        ("send.email", "1", "email"),
        ("send.email", "2", "email"),
        ("send.sms", "7", "sms"),
    ]
    assert listing.listed == {"email": 2, "sms": 1}
    assert not listing.problems
    assert not listing.truncated


def test_a_communication_listed_twice_is_taken_once(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, "1", 2, 1], "/old-emails": ["2", 3]}
    listing = listed(settings, email=EMAIL, old=Source(path="/old-emails", operation="send.email"))
    assert [c.primary_id for c in listing.communications] == ["1", "2", "3"]


def test_the_same_id_of_another_operation_is_another_communication(
    lists: dict[str, list[object]], settings: ApiSettings
) -> None:
    lists |= {"/emails": [1], "/sms": [1]}
    assert len(listed(settings, email=EMAIL, sms=SMS).communications) == 2


def test_a_source_that_fails_does_not_stop_the_others(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/sms": [7, 8]}
    listing = listed(settings, email=EMAIL, sms=SMS)
    assert [c.primary_id for c in listing.communications] == ["7", "8"]
    (problem,) = listing.problems
    assert problem.startswith("source email: sources.email: HTTP 200, but the body is not JSON")


def test_items_without_an_id_are_a_problem_that_names_the_setting(
    lists: dict[str, list[object]], settings: ApiSettings
) -> None:
    lists |= {"/emails": [1, None, {}]}
    listing = listed(settings, email=EMAIL)
    assert [c.primary_id for c in listing.communications] == ["1"]
    assert listing.problems == ["source email: 2 items without a usable id; sources.email.id is 'id'"]


def test_the_limit_ends_the_listing_and_says_so(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, 2, 3]}
    listing = listed(settings, limit=2, email=EMAIL)
    assert len(listing.communications) == 2
    assert listing.truncated
    assert not listed(settings, limit=3, email=EMAIL).truncated


def test_a_long_source_does_not_starve_the_others(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": list(range(50)), "/sms": [7]}
    listing = listed(settings, limit=4, email=Source("/emails", "send.email", pagination=OFFSET), sms=SMS)
    assert listing.listed == {"email": 3, "sms": 1}


def test_without_time_the_rest_waits_for_the_next_run(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1]}
    listing = listed(settings, has_time=False, email=EMAIL)
    assert listing.truncated
    assert not listing.communications
    assert "lambda.timeout_seconds.list_failed is too short" in listing.problems[0]


def test_whatever_an_answer_brings_up_stops_its_own_source_only(
    lists: dict[str, list[object]], settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists |= {"/emails": [1], "/sms": [7]}

    def read(name: str, source: Source, api: Api) -> Iterator[Page]:
        if name == "email":
            raise ZeroDivisionError("ann@example.com")
        yield from read_pages(name, source, api)

    monkeypatch.setattr("redrive.listing.read_pages", read)
    listing = listed(settings, email=EMAIL, sms=SMS)
    assert [c.primary_id for c in listing.communications] == ["7"]
    assert listing.problems == ["source email: unforeseen ZeroDivisionError"]
