"""Whatever an API answers, the lister asks a bounded number of times, gives what was listed only, and never raises.

Where it says that it has read a list to its end, it has. ``HYPOTHESIS_PROFILE=thorough`` tries 10,000 examples of each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from redrive import endings, pagination, progress, reading
from redrive.api import Api, ListAnswer
from redrive.check import check
from redrive.errors import ApiUnavailable
from redrive.listing import Listing
from redrive.models import primary_id
from redrive.page import Content, read_page
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, CheckSettings, Pagination, PaginationStyle, RequeueSettings, Source
from redrive.transport import listing_retry
from tests.unit.listed_api import DEFAULT_SIZE, NUMBERED, ODD, SHAPES, TOKENS, Change, Item, ListedApi, Shape
from tests.unit.support import ScriptedApi
from tests.waiting import without_waiting

EXAMPLES = max(200, hypothesis_settings.default.max_examples)
bounded = hypothesis_settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES == 200,  # a surprise is for who looks for one, and not for who lands a change
    deadline=None,
    phases=set(Phase) - {Phase.explain},
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

MOST_REQUESTS = 4 * 150
"""Four passes, each as long as the longest run of pages that brings nothing, and what is asked to be sure."""

MOST_OF_A_CHECK = 3 + 4 + 6
"""Three pages, what a pass asks to be sure, and what only finds mistakes."""

IDS = st.integers(0, 30) | st.sampled_from(["a", "b", "", "x" * 200, "a b", "\n"]) | st.none()
ITEMS = st.fixed_dictionaries({"id": IDS}, optional={"status": st.sampled_from(["failed", "sent"]), "at": st.floats()})
URLS = st.sampled_from(["?page=2", "/emails?page=3&status=sent", "//elsewhere.example/", "http://[x", "", "%", "#a"])
NEXT = st.none() | st.integers(0, 4) | st.booleans() | URLS | st.text(max_size=3) | st.lists(st.none(), max_size=1)
JSON_BODIES = st.one_of(
    st.fixed_dictionaries(
        {"emails": st.lists(ITEMS, max_size=6) | st.none()},
        optional={"next": NEXT, "total": st.integers(-1, 40) | st.text(max_size=2), "meta": st.just({"next": "x"})},
    ),
    st.none() | st.integers() | st.lists(st.integers(), max_size=2) | st.just({"emails": {"id": 1}}),
)
BODIES = JSON_BODIES.map(lambda body: json.dumps(body).encode()) | st.sampled_from(
    [b"", b"<h1>", b"\xff\xfe", b"[" * 10**5]
)
STATUSES = st.sampled_from([200] * 12 + [204, 400, 404, 416, 418, 422, 503])
LINKS = st.sampled_from(["", "<?page=2>; rel=next", '</a>; rel="last"', "<", "<http://[x>; rel=next"])
ANSWERS = st.tuples(STATUSES, BODIES, LINKS)

SOURCES = st.builds(
    partial(Source, "/emails", "send.email"),  # of a NamedTuple itself, hypothesis makes up what is left out
    filters=st.sampled_from([{}, {"status": "failed"}, {"status": ("failed", "bounced"), "page": "1"}]),
    pagination=st.builds(
        partial(Pagination),
        style=st.sampled_from(PaginationStyle),
        size=st.integers(1, 6),
        size_param=st.sampled_from(["limit", None]),
        first_page=st.integers(0, 3),
        first_offset=st.integers(0, 1),
        next=st.sampled_from(["next", "meta.next", "length(emails)", "[?"]),
        total=st.sampled_from([None, "total", "length(emails)", "`0`"]),
    ),
    items=st.sampled_from(
        ["emails", "@", "emails[?status=='failed']", "emails[*]", "sort_by(emails[?id], &id)", "emails || `[]`"]
    ),
    id=st.sampled_from(["id", "to_string(id)", "@"]),
    failed_at=st.sampled_from([None, "at"]),
    min_age_seconds=st.sampled_from([0.0, 60.0]),
    max_age_seconds=st.sampled_from([None, 3600.0]),
    empty_statuses=st.sampled_from([(204,), (404, 418), ()]),
)


class FuzzedApi(Api):
    """An API that gives these answers in turn, over and over, or each with another id so that nothing repeats."""

    def __init__(self, answers: list[tuple[int, bytes, str]], *, is_endless: bool) -> None:
        super().__init__(ApiSettings(base_url="http://api.example"), listing_retry, Secrets())
        self._answers = answers
        self._is_endless = is_endless
        self.asked = 0
        self.given: set[str] = set()

    def get(self, url: str, params: Any) -> ListAnswer:
        status, body, link = self._answers[self.asked % len(self._answers)]
        self.asked += 1
        assert self.asked <= MOST_REQUESTS
        if status == 503:
            raise ApiUnavailable("HTTP 503")
        if self._is_endless and body.startswith(b'{"emails": []'):
            body = json.dumps({"emails": [], "next": f"t{self.asked}", "at": self.asked}).encode()
        headers: Mapping[str, str] = {"Link": link} if link else {}
        self._remember(body)
        return ListAnswer(status, f"{url}?asked={self.asked}", headers, body, 1.0)

    def methods(self, path: str) -> tuple[int, frozenset[str]]:
        """Take every method everywhere."""
        return 200, frozenset({"POST"})

    def _remember(self, body: bytes) -> None:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return
        listed = found.get("emails") if isinstance(found, dict) else found
        for item in listed if isinstance(listed, list) else []:
            id_ = item.get("id") if isinstance(item, dict) else item
            texts = [id_, json.dumps(id_), json.dumps(id_, ensure_ascii=False, separators=(",", ":"))]
            self.given.update(filter(None, map(primary_id, texts)))


@bounded
@given(
    st.lists(st.integers(), min_size=1)
    | st.lists(st.sampled_from(["a-1", "B2", "-", "", "ü", "x" * 129, "a b"]), min_size=1)
    | st.lists(IDS | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(2**53 - 1, 2**53))
    | st.sampled_from([[10**200], [1, -(10**200)], [True], [1, True], [], ["-"], ["x" * 128], ["x" * 129]])
)
def test_the_ids_of_a_page_are_those_of_each_item_by_itself(values: list[Any]) -> None:
    body = json.dumps([{"id": value} for value in values]).encode()
    content = read_page("email", Source("/emails", "send.email", items="@"), ListAnswer(200, "/emails", {}, body, 1.0))
    assert isinstance(content, Content)
    assert content.ids == tuple(map(primary_id, values))


@bounded
@given(SOURCES, st.lists(ANSWERS, min_size=1, max_size=6), st.booleans())
def test_whatever_an_api_answers_the_lister_ends_with_what_was_listed(
    source: Source, answers: list[tuple[int, bytes, str]], is_endless: bool
) -> None:
    api = FuzzedApi(answers, is_endless=is_endless)
    listing = Listing({"email": source}, api, lambda: True)
    found = [communication.primary_id for communication in listing]
    assert len(set(found)) == len(found)
    assert set(found) <= listing.seen["send.email"] <= api.given | {"null"}
    assert not [problem for problem in listing.problems if "unforeseen" in problem]
    assert bool(listing.evidence) == ("email" in listing.complete)
    assert listing.complete or listing.problems or listing.truncated


@bounded
@given(SOURCES, st.lists(ANSWERS, min_size=1, max_size=6), st.booleans())
def test_whatever_an_api_answers_a_check_ends_soon_and_says_so(
    source: Source, answers: list[tuple[int, bytes, str]], is_endless: bool
) -> None:
    api = FuzzedApi(answers, is_endless=is_endless)
    wanted = CheckSettings(ApiSettings("http://api.example"), {"email": source}, RequeueSettings("/requeue"))
    with patch("redrive.check.Api", lambda *_: api):
        found = json.loads(json.dumps(check(wanted, Secrets(), 60)))["sources"]["email"]
    assert api.asked == len(found["requests"]) <= MOST_OF_A_CHECK
    assert found["pages"] <= 3
    assert len(found["ids"]) <= 3
    assert not [trap for trap in found["traps"] if "unforeseen" in trap["trap"]]
    assert found["end"]
    assert found["traps"] or not (found["tried"] and found["end"].startswith(("not believed", "in doubt")))


ITEM_LISTS = st.tuples(st.integers(0, 30), st.sets(st.integers(1, 30), max_size=12)).map(
    lambda drawn: [Item(number, is_failed=number not in drawn[1]) for number in range(1, drawn[0] + 1)]
)
CHANGES = st.builds(
    Change,
    at=st.integers(0, 12),
    leaving=st.frozensets(st.integers(1, 30), max_size=8),
    joining=st.integers(0, 5),
    joining_in_front=st.integers(0, 5),
)


@pytest.fixture
def caller(settings: ApiSettings, monkeypatch: pytest.MonkeyPatch) -> Api:
    """One for all examples, as a sandbox has one for all runs; it waits for nothing.

    The pages of these lists are so small that an API may have thought of their size by itself.
    """
    for module in (pagination, reading, endings):
        monkeypatch.setattr(module, "LEAST_DEFAULT", 2)

    return Api(settings, without_waiting, Secrets())


def read(listed: ListedApi, server: ScriptedApi, caller: Api) -> tuple[list[str], Listing]:
    """Read a list to its end, and say what must be so of every list."""
    note(f"{listed}")
    server.requests.clear()
    server.answer = listed
    listing = Listing({"email": listed.shape.source()}, caller, lambda: True)
    found = [communication.primary_id for communication in listing]
    assert len(set(found)) == len(found)
    assert set(found) <= listed.held
    assert listed.wrong == []
    assert not [problem for problem in listing.problems if "unforeseen" in problem]
    assert bool(listing.evidence) == ("email" in listing.complete)
    assert listing.complete or listing.problems or listing.truncated
    if listing.complete and not listed.shape.has_gaps:
        assert set(found) >= listed.throughout
    event(f"{listed.shape.style}: {listing.evidence.get('email', 'incomplete')}")
    return found, listing


def most_requests(shape: Shape, items: Sequence[Item], more: int = 0) -> int:
    """Four passes over as many pages as there may be, with what is asked beyond the end and after an odd answer."""
    smallest = max(1, min(shape.size if shape.asks_size else DEFAULT_SIZE, shape.cap))
    return 4 * (-(-(len(items) + more) // smallest) + progress.MAX_EMPTY + 4) + 8


@bounded
@given(shape=SHAPES, items=ITEM_LISTS)
def test_a_list_is_read_to_its_end(api: ScriptedApi, caller: Api, shape: Shape, items: list[Item]) -> None:
    listed = ListedApi(shape, items)
    found, listing = read(listed, api, caller)
    assert listed.asked <= most_requests(shape, items)
    if must_be_complete(shape, items):
        assert listing.complete, listing.problems
        assert set(found) == listed.throughout


@bounded
@given(shape=SHAPES, items=ITEM_LISTS, change=CHANGES)
def test_a_list_that_changes_once_loses_nothing_that_stays(
    api: ScriptedApi, caller: Api, shape: Shape, items: list[Item], change: Change
) -> None:
    """Of what changes twice while a numbered list is read, one part can hide another: that is the next run's.

    So can a whole page that joins in front of it: the next one is then the same again, as if it were given beyond the
    end. Here that may be a single item.
    """
    if shape.style in NUMBERED:
        change = replace(change, joining_in_front=0)
    listed = ListedApi(shape, items, change)
    read(listed, api, caller)
    assert listed.asked <= most_requests(shape, items, change.joining + change.joining_in_front)


@bounded
@given(shape=SHAPES, items=ITEM_LISTS, odd_at=st.integers(0, 12), odd=st.sampled_from(sorted(ODD)))
def test_an_odd_answer_ends_no_list(
    api: ScriptedApi, caller: Api, shape: Shape, items: list[Item], odd_at: int, odd: str
) -> None:
    assume(shape.total != "short")
    listed = ListedApi(shape, items, odd_at=odd_at, odd=odd)
    read(listed, api, caller)
    assert listed.asked <= most_requests(shape, items)


def must_be_complete(shape: Shape, items: Sequence[Item]) -> bool:
    """Tell whether an API says enough of a list that does not change.

    Not where the whole list is one page, and all that it says is what an API says that knows no pages: one may call a
    page's length its total.
    """
    if shape.filtering != "query" or shape.total not in ("none", "right", "text", "elsewhere"):
        return False
    asked = shape.size if shape.asks_size else DEFAULT_SIZE
    count = sum(item.is_failed for item in items)
    if (shape.total != "none" and shape.reads_total) or not 0 < count <= min(asked, shape.cap):
        return True
    if shape.style in TOKENS and shape.end is ...:
        return count < asked or (shape.asks_size and count > 1)  # of which one alone can be asked for
    return shape.beyond != "last" or (shape.asks_size and count < asked)
