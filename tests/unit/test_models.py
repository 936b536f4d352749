"""Ids, queue entries, idempotency keys and run ids."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.errors import ConfigurationError
from redrive.models import (
    MAX_ID_BYTES,
    Communication,
    idempotency_key,
    operator_run_id,
    primary_id,
    queue_entry,
    run_time,
    scheduled_run_id,
)

RUN = "20261124T021500Z"


@pytest.mark.parametrize(
    ("value", "text"), [("123455", "123455"), (123455, "123455"), (7.0, "7"), (0, "0"), ("ü", "ü")]
)
def test_texts_and_whole_numbers_are_ids(value: object, text: str) -> None:
    assert primary_id(value) == text


@pytest.mark.parametrize(
    "value", [None, "", "  ", True, 1.5, float("nan"), [], {"id": 1}, "x" * (MAX_ID_BYTES + 1), "ü" * MAX_ID_BYTES]
)
def test_anything_else_is_none(value: object) -> None:
    assert primary_id(value) is None


def test_a_queue_entry_has_the_four_keys_and_no_other() -> None:
    entry = queue_entry(Communication("123455", "send.email", "email"), RUN, "redrive")
    assert entry == {
        "primaryId": "123455",
        "operation": "send.email",
        "createdBy": "redrive",
        "created": "2026-11-24T02:15:00Z",
    }


def test_an_idempotency_key_names_operation_id_and_attempt() -> None:
    assert idempotency_key(Communication("123455", "send.email", "email"), RUN) == f"send.email:123455:{RUN}"


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_id_gives_a_key_that_a_header_can_hold_and_that_is_its_own(text: str) -> None:
    key = idempotency_key(Communication(text, "send.email", "email"), RUN)
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert unquote(key) == f"send.email:{text}:{RUN}"


@pytest.mark.parametrize("time", ["2026-11-24T02:15:00Z", "2026-11-24T03:15:00+01:00"])
def test_a_firing_delivered_twice_is_the_same_run(time: str) -> None:
    assert scheduled_run_id(time) == RUN


@pytest.mark.parametrize("time", ["<aws.scheduler.scheduled-time>", "", "2026-11-24T02:15:00"])
def test_a_scheduled_time_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(ConfigurationError, match="scheduledTime"):
        scheduled_run_id(time)


def test_an_operators_run_is_named_by_its_time_and_request() -> None:
    run_id = operator_run_id(datetime(2026, 11, 24, 2, 15, tzinfo=UTC), "3f2a9c1d-7f33")
    assert run_id == f"{RUN}-3f2a9c1d"
    assert run_time(run_id) == datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


def test_a_run_id_without_a_time_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="runId"):
        run_time("yesterday")
