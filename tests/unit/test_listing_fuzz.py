"""Whatever an API answers, the lister asks a bounded number of times, gives what was listed only, and never raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redrive.api import Api, ListAnswer
from redrive.errors import ApiUnavailable
from redrive.listing import Listing
from redrive.models import primary_id
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, Pagination, PaginationStyle, Source
from redrive.transport import listing_retry

MOST_REQUESTS = 4 * 150
"""Four passes, each as long as the longest run of pages that brings nothing, and what is asked to be sure."""

IDS = st.integers(0, 30) | st.sampled_from(["a", "b", "", "x" * 200, "a b", "\n"]) | st.none()
ITEMS = st.fixed_dictionaries({"id": IDS}, optional={"status": st.sampled_from(["failed", "sent"]), "at": st.floats()})
URLS = st.sampled_from(["?page=2", "/emails?page=3&status=sent", "//elsewhere.example/", "http://[x", "", "%", "#a"])
NEXT = st.none() | st.integers(0, 4) | st.booleans() | URLS | st.text(max_size=3) | st.lists(st.none(), max_size=1)
SHAPES = st.one_of(
    st.fixed_dictionaries(
        {"emails": st.lists(ITEMS, max_size=6) | st.none()},
        optional={"next": NEXT, "total": st.integers(-1, 40) | st.text(max_size=2), "meta": st.just({"next": "x"})},
    ),
    st.none() | st.integers() | st.lists(st.integers(), max_size=2) | st.just({"emails": {"id": 1}}),
)
BODIES = SHAPES.map(lambda body: json.dumps(body).encode()) | st.sampled_from([b"", b"<h1>", b"\xff\xfe", b"[" * 10**5])
STATUSES = st.sampled_from([200] * 12 + [204, 400, 404, 416, 418, 422, 503])
LINKS = st.sampled_from(["", "<?page=2>; rel=next", '</a>; rel="last"', "<", "<http://[x>; rel=next"])
ANSWERS = st.tuples(STATUSES, BODIES, LINKS)

SOURCES = st.builds(
    Source,
    path=st.just("/emails"),
    operation=st.just("send.email"),
    filters=st.sampled_from([{}, {"status": "failed"}, {"status": ("failed", "bounced"), "page": "1"}]),
    pagination=st.builds(
        Pagination,
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


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=400)
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
