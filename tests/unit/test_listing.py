"""All sources of a run become one list: without duplicates, within limits, and no source stops another."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from redrive import clock, memory
from redrive.api import Api, ListAnswer
from redrive.listing import Listing
from redrive.models import Communication
from redrive.page import Page
from redrive.pagination import Reader
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, Source
from redrive.transport import listing_retry
from tests.unit.support import ScriptedApi, as_json

EMAIL = Source(path="/emails", operation="send.email")
SMS = Source(path="/sms", operation="send.sms")
OFFSET = Pagination(style=PaginationStyle.OFFSET, size=2)


@pytest.fixture
def lists(api: ScriptedApi) -> dict[str, list[object]]:
    """What each path lists, ids or whole items; the answers are paged by offset where one is asked for."""
    lists: dict[str, list[object]] = {}

    def answer(request: Request) -> Response:
        if request.path not in lists:
            return Response("<h1>Oops</h1>", status=200, content_type="text/html")
        start = int(request.args.get("offset", 0))
        page = lists[request.path][start : start + int(request.args.get("limit", 99))]
        return as_json([item if isinstance(item, dict) else {"id": item} for item in page])

    api.answer = answer
    return lists


def unread(settings: ApiSettings, has_time: Callable[[], bool] = lambda: True, **sources: Source) -> Listing:
    return Listing(sources, Api(settings, listing_retry, Secrets()), has_time)


def read(
    settings: ApiSettings, limit: int | None = None, has_time: Callable[[], bool] = lambda: True, **sources: Source
) -> tuple[list[Communication], Listing]:
    """Read a listing to its end, or to a limit as a run does."""
    listing = unread(settings, has_time, **sources)
    return list(itertools.islice(listing, limit)), listing


def test_every_source_is_listed(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, 2], "/sms": [7]}
    found, listing = read(settings, email=EMAIL, sms=SMS)
    assert [(c.operation, c.primary_id, c.source) for c in found] == [
        ("send.email", "1", "email"),
        ("send.email", "2", "email"),
        ("send.sms", "7", "sms"),
    ]
    assert listing.listed == {"email": 2, "sms": 1}
    assert listing.seen == {"send.email": {"1", "2"}, "send.sms": {"7"}}
    assert listing.complete == {"email", "sms"}
    assert not listing.problems
    assert not listing.truncated


def test_a_communication_listed_twice_is_taken_once(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, "1", 2, 1], "/old-emails": ["2", 3]}
    found, _ = read(settings, email=EMAIL, old=Source(path="/old-emails", operation="send.email"))
    assert [c.primary_id for c in found] == ["1", "2", "3"]


def test_the_same_id_of_another_operation_is_another_communication(
    lists: dict[str, list[object]], settings: ApiSettings
) -> None:
    lists |= {"/emails": [1], "/sms": [1]}
    assert len(read(settings, email=EMAIL, sms=SMS)[0]) == 2


def test_a_source_that_fails_does_not_stop_the_others(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/sms": [7, 8]}
    found, listing = read(settings, email=EMAIL, sms=SMS)
    assert [c.primary_id for c in found] == ["7", "8"]
    (problem,) = listing.problems
    assert problem.startswith("source email: sources.email: HTTP 200, but the body is not JSON")
    assert listing.complete == {"sms"}
    assert not listing.truncated, "nothing is left for the next run"


def test_items_without_an_id_are_a_problem_that_names_the_setting(
    lists: dict[str, list[object]], settings: ApiSettings
) -> None:
    lists |= {"/emails": [1, None, {}]}
    found, listing = read(settings, email=EMAIL)
    assert [c.primary_id for c in found] == ["1"]
    assert listing.problems == ["source email: 2 items without a usable id; sources.email.id is 'id'"]


def test_items_without_a_usable_time_are_listed_and_a_problem_that_names_the_setting(
    lists: dict[str, list[object]], settings: ApiSettings
) -> None:
    lists |= {"/emails": [1, {"id": 2, "at": "yesterday"}, {"id": 3, "at": 10**9}]}
    found, listing = read(settings, email=Source("/emails", "send.email", failed_at="at", min_age_seconds=60))
    assert [c.primary_id for c in found] == ["1", "2", "3"]
    assert listing.problems == ["source email: 2 items without a usable failed_at; sources.email.failed_at is 'at'"]


def test_what_is_too_young_is_listed_but_not_given(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {
        "/emails": [{"id": 1, "at": clock.now()}, {"id": 2, "at": 10**9}, {"id": 1, "at": clock.now()}],
        "/sms": [1],
    }
    aged = Source("/emails", "send.email", failed_at="at", min_age_seconds=60)
    found, listing = read(settings, email=aged, sms=SMS)
    assert [(c.operation, c.primary_id) for c in found] == [("send.email", "2"), ("send.sms", "1")]
    assert listing.too_young == [Communication("1", "send.email", "email")]
    assert "1" in listing.seen["send.email"]
    assert listing.listed == {"email": 2, "sms": 1}
    assert listing.complete == {"email", "sms"}


def test_a_listing_left_early_says_so(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, 2, 3]}
    found, listing = read(settings, limit=2, email=EMAIL)
    assert len(found) == 2
    assert listing.truncated
    assert not listing.complete
    assert not read(settings, email=EMAIL)[1].truncated


def test_a_long_source_does_not_starve_the_others(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": list(range(50)), "/sms": [7]}
    _, listing = read(settings, limit=4, email=Source("/emails", "send.email", pagination=OFFSET), sms=SMS)
    assert listing.listed == {"email": 4, "sms": 1}  # two pages of two, and one of one in between


def test_a_source_is_read_no_further_than_it_is_asked_for(
    lists: dict[str, list[object]], settings: ApiSettings, api: ScriptedApi
) -> None:
    lists |= {"/emails": list(range(50))}
    read(settings, limit=3, email=Source("/emails", "send.email", pagination=OFFSET))
    assert len(api.requests) == 2


def test_without_time_the_rest_waits_for_the_next_run(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1]}
    found, listing = read(settings, has_time=lambda: False, email=EMAIL)
    assert listing.truncated
    assert not found
    assert "lambda.timeout_seconds.list_failed is too short" in listing.problems[0]


def test_a_source_read_only_in_part_for_want_of_time_is_not_complete(
    lists: dict[str, list[object]], settings: ApiSettings
) -> None:
    lists |= {"/emails": list(range(50)), "/sms": [7]}
    time_left = iter([True] * 5)
    long = Source("/emails", "send.email", pagination=OFFSET)
    _, listing = read(settings, has_time=lambda: next(time_left, False), email=long, sms=SMS)
    assert listing.complete == {"sms"}
    assert listing.truncated


def test_the_source_with_more_than_its_share_ends_when_the_memory_is_used_up(
    lists: dict[str, list[object]], settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "most_listed_bytes", lambda: 30 * (memory.BYTES_PER_ID + 2))
    lists |= {"/emails": list(range(100, 150)), "/sms": list(range(20, 30))}
    long = Source("/emails", "send.email", pagination=OFFSET)
    found, listing = read(settings, email=long, sms=Source("/sms", "send.sms", pagination=OFFSET))
    assert listing.complete == {"sms"}
    assert listing.listed["sms"] == 10
    assert 15 < listing.listed["email"] < 30
    assert len(found) == sum(listing.listed.values()), "what came before is sent"
    (problem,) = listing.problems
    assert problem.startswith("source email: sources.email: the function has no memory for more than the ")
    assert problem.endswith("raise lambda.memory_mb.list_failed")
    assert read(settings, email=Source("/sms", "send.email", pagination=OFFSET))[1].complete


class LongApi(Api):
    """An API with a list of so many, with the times of their failures."""

    def __init__(self, count: int) -> None:
        super().__init__(ApiSettings("http://api.example"), listing_retry, Secrets())
        self._count = count

    def get(self, url: str, params: Any) -> ListAnswer:
        offset = int(dict(params)["offset"])
        shown = range(offset, min(offset + 1000, self._count))
        body = json.dumps([{"id": f"em-{number:07d}", "at": 1.5e9 + number} for number in shown]).encode()
        return ListAnswer(200, url, {}, body, 1.0)


@pytest.mark.parametrize("has_times", [False, True])
def test_what_a_listed_id_takes_is_no_more_than_is_counted(has_times: bool) -> None:
    count = 30_000
    offset = Pagination(style=PaginationStyle.OFFSET, size=1000)
    aged = {"failed_at": "at", "min_age_seconds": 60.0} if has_times else {}
    listing = Listing(
        {"email": Source("/emails", "send.email", pagination=offset, **aged)}, LongApi(count), lambda: True
    )
    tracemalloc.start()
    try:
        found = list(listing)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == count
    counted = len("em-0000000") + memory.BYTES_PER_ID + has_times * memory.BYTES_PER_TIME
    assert 0.4 * counted < used / count <= counted


def test_every_page_is_measured(lists: dict[str, list[object]], settings: ApiSettings) -> None:
    lists |= {"/emails": [1, 2, 3], "/sms": [7]}
    _, listing = read(settings, email=Source("/emails", "send.email", pagination=OFFSET), sms=SMS)
    assert len(listing.latencies["email"]) == 4  # two pages, read twice
    assert len(listing.latencies["sms"]) == 1
    assert all(latency > 0 for latency in listing.latencies["email"])


def test_whatever_an_answer_brings_up_stops_its_own_source_only(
    lists: dict[str, list[object]], settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists |= {"/emails": [1], "/sms": [7]}

    def reading(self: Reader) -> Iterator[Page | None]:
        if self._source is EMAIL:
            raise ZeroDivisionError("ann@example.com")
        yield from pages(self)

    pages = Reader.pages
    monkeypatch.setattr(Reader, "pages", reading)
    found, listing = read(settings, email=EMAIL, sms=SMS)
    assert [c.primary_id for c in found] == ["7"]
    assert listing.problems == ["source email: unforeseen ZeroDivisionError"]
