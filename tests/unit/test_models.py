"""Ids, idempotency keys, run ids and times."""

from __future__ import annotations

import math
import os
import re
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
    operator_run_id,
    primary_id,
    scheduled_run_id,
    shown_id,
)
from redrive.moments import moment
from tests.unit.support import ZONES

RUN = "20261124T021500Z"
DUE = datetime(2026, 11, 24, 2, 15, tzinfo=UTC).timestamp()
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
    assert scheduled_run_id(time, DUE) == RUN


@pytest.mark.parametrize(
    "time",
    [
        "<aws.scheduler.scheduled-time>",
        "",
        "2026-11-24T02:15:00",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "1970-01-01T00:00:00Z",
        "2099-01-01T00:00:00Z",
    ],
)
def test_a_scheduled_time_that_is_none_is_refused(time: str) -> None:
    with pytest.raises(ConfigurationError, match="scheduledTime"):
        scheduled_run_id(time, DUE)


def test_a_firing_is_of_no_time_that_is_far_ahead() -> None:
    """It would be the newest run until then, and what it remembers would count."""
    assert scheduled_run_id("2026-11-24T02:15:00Z", DUE - 729 * 86400) == RUN
    with pytest.raises(ConfigurationError, match="scheduledTime: must be from 2020 on and at most two years from now"):
        scheduled_run_id("2026-11-24T02:15:00Z", DUE - 733 * 86400)


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
        "Tue, 24 Nov 2026 02:15:00 +0000 (UTC)",
        "Mon, 23 Nov 2026 21:15:00 EST",
        "Tuesday, 24-Nov-26 02:15:00 GMT",
        "Tue Nov 24 02:15:00 2026",
        "Tue Nov 24 02:15:00 UTC 2026",
        "Tue Nov 24 03:15:00 +0100 2026",
        "Tue Nov 24 2026 03:15:00 GMT+0100 (Central European Standard Time)",
        "Tue, 24 Nov 2026 03:15:00 CET",
        "Tue Nov 24 03:15:00 CET 2026",
        "Tue, 24 Nov 2026 02:15:00 (UTC)",
        "Tue,24 Nov 2026 02:15:00 GMT",
        "Tue Nov 24 2026 03:15:00 GMT+0100 (Mitteleuropäische Normalzeit)",
        "2026-11-24 03:15:00 GMT+01:00",
        "Nov 24, 2026 02:15:00 AM",
        "Nov 24, 2026, 2:15:00 a.m.",
        "Nov 24, 2026, 2:15:00\u202fAM",
        "2026-11-24 02:15 AM",
        "202611240215",
        202611240215,
        1795486500 * 10**6,
        1795486500 * 10**9,
        str(1795486500 * 10**9),
        "/Date(1795486500000)/",
        "/Date(1795486500000+0100)/",
        [2026, 11, 24, 2, 15],
        [2026, 11, 24, 2, 15, 0, 123000000],
        "2026/11/24 02:15:00",
        "2026/11/24 2:15:00",
        "2026-11-24T2:15:00Z",
        "2026.11.24 03:15 +0100",
        "24-Nov-2026 02:15:00",
    ],
)
def test_a_moment_is_a_time_as_apis_write_it(value: object) -> None:
    assert moment(value) == MOMENT.timestamp()


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:15:00 AM", 0), ("01:15:00 AM", 1), ("11:15 am", 11), ("12:15 PM", 12), ("1:15 p.m.", 13), ("11:15:00PM", 23)],
)
def test_the_half_of_the_day_is_read(text: str, hour: int) -> None:
    assert moment(f"Nov 24, 2026 {text}") == MOMENT.replace(hour=hour).timestamp()


@pytest.mark.parametrize("value", ["20261124", 20261124, "2026-11-24", [2026, 11, 24], "2026/11/24"])
def test_a_day_is_its_beginning(value: object) -> None:
    assert moment(value) == MOMENT.replace(hour=0, minute=0).timestamp()


def test_a_time_without_a_zone_is_utc_wherever_it_is_read() -> None:
    code = "import time; from redrive.moments import moment; print(time.timezone, moment('2026-11-24T02:15:00'))"
    environment = os.environ | {"TZ": "IST-5:30", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["-19800", str(MOMENT.timestamp())]


@given(st.datetimes(datetime(2000, 1, 2), datetime(5138, 1, 1), timezones=ZONES))  # noqa: DTZ001 (its bounds are naive)
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
        0,
        -1,
        "0",
        86400,
        "0001-01-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "1900-01-01T00:00:00",
        "1970-01-01T00:00:00Z",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        19700101,
        "197001010000",
        19700101000000,
        20269999,
        "202611249999",
        46350.09,
        "46350.09",
        pytest.param("Tue, 24 Nov 2026 03:15:00 AEST", id="a zone whose offset is not known"),
        pytest.param("Tue Nov 24 03:15:00 AEST 2026", id="such a zone before the year"),
        pytest.param("Tue Nov 24 2026 03:15:00 (GMT+0100)", id="an offset in parentheses"),
        pytest.param("Nov 24, 2026 14:15 PM", id="an hour that is not of half a day"),
        pytest.param("Tue, 24 Nov 2026 02:15:00 GMT whatever", id="more than a date"),
        [2026, 11],
        [2026, 13, 1],
        ["2026", "11", "24"],
        [2026, 11, 24, [2]],
        "/Date(-62135596800000)/",
        "/Date(x)/",
        "2026/13/01",
        "1-1-2026 02:15:00",
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


@given(
    st.text(min_size=1, max_size=12).filter(
        lambda text: text.strip() and not re.search("[0-9]|[AP].?M", text, re.IGNORECASE)
    )
)
def test_what_stands_behind_a_date_is_a_zone_that_is_known_or_spoils_it(text: str) -> None:
    is_zone = re.fullmatch("UTC?|GMT|Z|[ECMP][SD]T", text.strip(), re.IGNORECASE)
    assert is_zone or moment(f"Tue, 24 Nov 2026 02:15:00 {text}") is None


def test_an_id_that_is_an_address_is_not_shown() -> None:
    assert shown_id("ann@example.com") == "a…"
    assert shown_id("em-1001") == "em-1001"
