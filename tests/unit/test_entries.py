"""A queue entry is read strictly, and what is wrong is said without showing anything of it."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from redrive.entries import QueueEntry
from redrive.errors import NotAnEntry
from redrive.models import primary_id
from tests.unit.delivery_queue import ENTRY

REST = '"operation": "send.email", "createdBy": "shop", "created": "2026-11-24T02:15:00Z"'

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
entries = st.fixed_dictionaries(
    {
        "primaryId": st.integers(-(10**9), 10**30)
        | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=32).filter(
            lambda text: primary_id(text) is not None
        ),
        "operation": st.from_regex(r"\A[A-Za-z][A-Za-z0-9._-]{0,63}\Z"),
        "createdBy": st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=128),
        "created": st.datetimes(datetime(2000, 1, 1)).map(lambda at: at.isoformat() + "Z"),  # noqa: DTZ001 (its bound is naive)
    }
)


def wrong(body: str) -> str:
    """What is said about a body that is no entry."""
    with pytest.raises(NotAnEntry) as error:
        QueueEntry.read(body)
    return str(error.value).removeprefix("not an entry: ")


def test_an_entry_is_made_of_a_communication_with_the_time_its_attempt_was_opened() -> None:
    opened = datetime(2026, 11, 24, 2, 15, tzinfo=UTC).timestamp()
    assert QueueEntry.made("123455", "send.email", "shop", opened).to_json() == ENTRY


@given(entries)
def test_what_was_read_is_what_is_passed_on(entry: dict[str, Any]) -> None:
    read = QueueEntry.read(json.dumps(entry))
    assert read.to_json() == entry
    assert type(read.primary_id) is type(entry["primaryId"])
    assert unquote(read.key) == f"{entry['operation']}:{entry['primaryId']}:{entry['created']}"
    assert read.key.isascii()


@pytest.mark.parametrize("key", ENTRY)
def test_a_missing_key_is_named(key: str) -> None:
    rest = {name: value for name, value in ENTRY.items() if name != key}
    assert wrong(json.dumps(rest)) == f"{key}: missing"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(
            ("primaryId", value)
            for value in (None, "", " ", True, 7.0, 1.5, [], {"id": 1}, "x" * 129, "ü" * 65, "a\nb", "\ud800", "..")
        ),
        ("primaryId", 10**128),
        *(("operation", value) for value in ("", "send email", "1", ".x", "x" * 65, "send.email\n", "sénd", 1, None)),
        *(("createdBy", value) for value in ("", "  ", "x" * 129, "a\tb", "\udfff", 1, None)),
        *(
            ("created", value)
            for value in (
                1795486500,
                None,
                "",
                "yesterday",
                "2026-11-24",
                "2026-11-24T02:15:00",
                "2026-11-24T03:15:00+01:00",
                "2026-11-24T02:15:00-00:00",
                "2026-11-24 02:15:00Z",
                "2026-11-24T02:15Z",
                "2026-11-24T02:15:00Z\n",
                "2026-02-30T02:15:00Z",
                "2026-11-24T24:15:00Z",
                "2026-11-24T02:15:00." + "1" * 10 + "Z",
                "\uff12\uff10\uff12\uff16-11-24T02:15:00Z",
            )
        ),
    ],
)
def test_a_key_of_another_kind_is_named_and_not_shown(key: str, value: object) -> None:
    said = wrong(json.dumps(ENTRY | {key: value}))
    assert said.startswith(f"{key}: must be ")
    # What is said depends on the key alone.
    assert said == wrong(json.dumps(ENTRY | {key: []}))


@pytest.mark.parametrize(
    "created", ["2026-11-24t02:15:00z", "2026-11-24T02:15:00.123456789Z", "2026-11-24T02:15:00+00:00"]
)
def test_every_spelling_of_rfc_3339_in_utc_is_taken_and_kept(created: str) -> None:
    assert QueueEntry.read(json.dumps(ENTRY | {"created": created})).created == created


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "not JSON"),
        ("ann@example.com", "not JSON"),
        ('{"primaryId": 1', "not JSON"),
        ("\ufeff{}", "not JSON"),
        pytest.param(f'{{"primaryId": {"1" * 5000}, {REST}}}', "not JSON", id="5000 digits"),
        ("[]", "must be an object"),
        ("null", "must be an object"),
        ('"text"', "must be an object"),
        (f'{{"primaryId": 1, "primaryId": 2, {REST}}}', "a key twice"),
        (f'{{"primaryId": {{"ann@example.com": 1, "ann@example.com": 2}}, {REST}}}', "a key twice"),
        pytest.param("[" * 200_000, "nested too deeply", id="open lists"),
        pytest.param('{"primaryId": ' + "[" * 200_000 + "]" * 200_000 + "}", "nested too deeply", id="closed lists"),
        pytest.param('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply", id="objects"),
    ],
)
def test_what_is_no_object_of_json_is_said_in_words(body: str, said: str) -> None:
    assert wrong(body) == said


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_only_python_calls_a_number_is_no_id(number: str) -> None:
    assert wrong(f'{{"primaryId": {number}, {REST}}}').startswith("primaryId: must be ")


def test_a_further_key_is_refused_and_not_shown() -> None:
    said = wrong(json.dumps(ENTRY | {"ann@example.com": "Dear Ann"}))
    assert said == "more keys than primaryId, operation, createdBy, created"


def test_a_body_as_large_as_a_message_can_be_is_read_and_refused() -> None:
    assert wrong(json.dumps(ENTRY | {"primaryId": "x" * 1_048_000})).startswith("primaryId: must be ")


@given(
    st.text()
    | anything.map(json.dumps)
    | st.builds(
        lambda more: json.dumps(ENTRY | more), st.dictionaries(st.sampled_from([*ENTRY, "more"]), anything, max_size=5)
    )
)
@example("\ud800")
def test_any_text_is_an_entry_or_is_not(body: str) -> None:
    with contextlib.suppress(NotAnEntry):
        assert QueueEntry.read(body).to_json() == json.loads(body)


@given(st.text(min_size=12, alphabet="xyzXYZ"))
def test_nothing_of_a_body_is_shown(content: str) -> None:
    for body in (
        content,
        json.dumps([content]),
        json.dumps({content: content}),
        json.dumps(ENTRY | {content: content}),
        json.dumps(ENTRY | {"operation": f"{content} {content}"}),
        f'{{"{content}": 1, "{content}": 2}}',
    ):
        assert content not in wrong(body)


@pytest.mark.parametrize(
    ("identity", "path"),
    [
        ("123455", "/c/123455/send.email"),
        (7, "/c/7/send.email"),
        ("a/b?#%{operation}", "/c/a%2Fb%3F%23%25%7Boperation%7D/send.email"),
        ("ü", "/c/%C3%BC/send.email"),
    ],
)
def test_ids_go_into_a_path_encoded(identity: str | int, path: str) -> None:
    entry = QueueEntry(identity, "send.email", "shop", "2026-11-24T02:15:00Z")
    assert entry.path("/c/{primaryId}/{operation}") == path
