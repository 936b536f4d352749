"""Ids, idempotency keys, run ids and times."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.errors import ConfigurationError
from redrive.models import (
    MAX_ID_BYTES,
    idempotency_key,
    moment,
    operator_run_id,
    primary_id,
    scheduled_run_id,
    shown_id,
)
from tests.unit.support import ZONES

RUN = "20261124T021500Z"
MOMENT = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [("123455", "123455"), (123455, "123455"), (7.0, "7"), (0, "0"), (2**53 + 1, "9007199254740993"), ("ü", "ü")],
)
def test_texts_and_whole_numbers_are_ids(value: object, text: str) -> None:
    assert primary_id(value) == text


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        True,
        1.5,
        float("nan"),
        9007199254740993.0,
        1e20,
        [],
        {"id": 1},
        "x" * (MAX_ID_BYTES + 1),
        "ü" * MAX_ID_BYTES,
        "\ud800",
        "a\nb",
        ".",
        "..",
    ],
)
def test_anything_else_is_none(value: object) -> None:
    assert primary_id(value) is None


def test_an_idempotency_key_names_operation_id_and_attempt() -> None:
    assert idempotency_key("send.email", 123455, "2") == "send.email:123455:2"


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_id_gives_a_key_that_a_header_can_hold_and_that_is_its_own(text: str) -> None:
    key = idempotency_key("send.email", text, "12")
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert unquote(key) == f"send.email:{text}:12"


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


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24T02:15:00Z",
        "2026-11-24t02:15:00z",
        "2026-11-24T02:15:00.000000000Z",
        "2026-11-24T03:15:00+01:00",
        "2026-11-24 02:15:00+00:00",
        "2026-11-24T02:15:00",
        1795486500,
        1795486500.0,
        1795486500000,
        1795486500000.0,
        "1795486500",
        "1795486500.0",
        "1795486500000",
        "20261124021500",
        20261124021500,
        " 2026-11-24T02:15:00Z ",
        "20261124T021500Z",
        "2026-11-24 02:15:00 UTC",
        "2026-11-24 03:15:00 +0100",
        "2026-11-24T03:15:00+01:00[Europe/Paris]",
        "2026-11-24T02:15:00Z[UTC]",
        "2026-11-24T02:15:00,000Z",
        "Tue, 24 Nov 2026 02:15:00 GMT",
        "Tue, 24 Nov 2026 03:15:00 +0100",
    ],
)
def test_a_moment_is_a_time_as_apis_write_it(value: object) -> None:
    assert moment(value) == MOMENT.timestamp()


def test_a_time_without_a_zone_is_utc_wherever_it_is_read() -> None:
    code = "import time; from redrive.models import moment; print(time.timezone, moment('2026-11-24T02:15:00'))"
    environment = os.environ | {"TZ": "IST-5:30", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["-19800", str(MOMENT.timestamp())]


@given(st.datetimes(datetime(1973, 4, 1), datetime(5138, 1, 1), timezones=ZONES))  # noqa: DTZ001 (its bounds are naive)
def test_any_moment_is_read_in_every_form(at: datetime) -> None:
    at = at.astimezone(UTC)
    seconds = at.timestamp()
    assert moment(at.isoformat()) == pytest.approx(seconds)
    assert moment(seconds) == pytest.approx(seconds)
    assert moment(seconds * 1000) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "yesterday",
        "24.11.2026",
        "11/24/2026",
        "2026",
        "12",
        "02:15:00",
        True,
        [],
        {"at": 1},
        float("nan"),
        float("inf"),
        10**400,
        -(10**400),
        pytest.param(1795486500 * 10**6, id="microseconds"),
        pytest.param(1795486500 * 10**9, id="nanoseconds"),
    ],
)
def test_anything_else_is_no_moment(value: object) -> None:
    assert moment(value) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    )
)
def test_any_value_of_an_answer_is_a_finite_moment_or_none(value: object) -> None:
    at = moment(value)
    assert at is None or math.isfinite(at)


def test_an_id_that_is_an_address_is_not_shown() -> None:
    assert shown_id("ann@example.com") == "a…"
    assert shown_id("em-1001") == "em-1001"
