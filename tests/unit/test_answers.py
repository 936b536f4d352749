"""What an answer means: whether a 2xx is a page, and how long the API asks to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.answers import MAX_WAIT_SECONDS, is_page, retry_after

NOW = datetime(2026, 11, 24, 2, 15, tzinfo=UTC).timestamp()

MARKUP = [
    "<!DOCTYPE html><title>Sign in</title>",
    "<!-- cached --> <html>Sign in</html>",
    '<?xml version="1.0" encoding="utf-8"?><html/>',
    "<head><title>Sign in</title></head>",
    "<body>Sign in</body>",
    "<div>Sign in</div>",
    "<?php echo 1;",
    '<soap:Envelope xmlns:soap="x"/>',
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("content_type", ["", "text/html", "application/json; charset=utf-8", "text/plain"])
@pytest.mark.parametrize("page", MARKUP)
@pytest.mark.parametrize("before", ["", "\n \t", "\ufeff", " \ufeff\n"])
def test_markup_is_a_page_in_every_encoding_and_under_every_type(
    before: str, page: str, content_type: str, encoding: str
) -> None:
    assert is_page((before + page).encode(encoding), content_type)


@pytest.mark.parametrize("charset", ["utf-7", "UTF-7", '"utf-7"'])
def test_a_page_in_the_encoding_that_its_type_names_is_one(charset: str) -> None:
    assert is_page("<html>Sign in</html>".encode("utf-7"), f"text/html; charset={charset}")


@pytest.mark.parametrize(
    "page", ["Sign in: <a href=/login>here</a>", "Warning: x in y.php<br />\n<!DOCTYPE html><p>", '{"a": 1}<script>']
)
def test_markup_anywhere_makes_a_page_of_text_html(page: str) -> None:
    assert is_page(page.encode(), "text/html; charset=utf-8")
    assert is_page(page.encode(), "application/xhtml+xml")


def test_a_page_behind_some_text_is_one_whatever_it_is_called() -> None:
    assert is_page(b"Notice: undefined index\n<!DOCTYPE html><p>Sign in", "application/json")


@pytest.mark.parametrize("content_type", ["text/html", "text/html; charset=utf-8", "application/json", ""])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "answer", ["", " \n", "OK", "queued", "null", "[]", '{"html": "<!DOCTYPE html>"}', '"<b>"', "1 < 2", "5 <5"]
)
def test_nothing_json_and_plain_text_are_no_page(answer: str, encoding: str, content_type: str) -> None:
    assert not is_page(answer.encode(encoding), content_type)


@pytest.mark.parametrize("end", range(1, 62))
def test_json_of_which_only_the_beginning_was_read_is_no_page(end: int) -> None:
    assert not is_page(b'{"html": "<!DOCTYPE html>\\u00e9", "ok": true, "n": [-1.5e3, null]}'[:end], "text/html")


def test_a_page_behind_json_or_within_what_looks_like_it_is_one() -> None:
    for page in (b'{"a": 1}<br><html>', b"{oops <html>", b"[<html>"):
        assert is_page(page, "text/html")


def test_json_that_is_nested_deeply_is_no_page() -> None:
    assert not is_page(b"[" * 100_000 + b'"<b>"' + b"]" * 100_000, "text/html")


@given(st.binary(max_size=60), st.text(max_size=30))
def test_whatever_comes_it_is_a_page_or_not(body: bytes, content_type: str) -> None:
    assert is_page(body, content_type) in (True, False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("120, 120", 120),
        ("60, 120", 120),
        ("120, 60", 120),
        ("120, soon", 120),
        ("120s", 120),
        ('"120"', 120),
        ("120;", 120),
        ("120 seconds", 120),
        ("1 second", 1),
        ("2 min", 120),
        ("2 Minutes", 120),
        ("1h", 3600),
        ("1500 ms", 1.5),
        ("1500 milliseconds", 1.5),
        ("1m30s", 90),
        ("1m0.5s", 60.5),
        ("1 min 30 sec.", 90),
        ("PT2M", 120),
        ("PT1H0M5S", 3605),
        ("20261124T021700Z", 120),
        ("1m soon", None),
        ("1m 3 weeks", None),
        ("2026-11-24T02:17:00Z", 120),
        ("2026-11-24 03:17:00 +0100", 120),
        ("Tue, 24 Nov 2026 02:17:00 GMT, Tue, 24 Nov 2026 02:16:00 GMT", 120),
        ("Tue, 24 Nov 2026 02:16:00 GMT, 120", 120),
        ("Tue, 24 Nov 2026 02:17:00 GMT", 120),
        ("Tuesday, 24-Nov-26 02:17:00 GMT", 120),
        ("Tue Nov 24 02:17:00 2026", 120),
        ("Tue, 24 Nov 2026 02:14:00 GMT", 0),
        ("999999999", MAX_WAIT_SECONDS),
        (str(int(NOW) + 120), 120),
        (str((int(NOW) + 120) * 1000), 120),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("3 weeks", None),
        ("NaN", None),
        ("Tue, 99 Nov 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(503, {"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 90)},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str((int(NOW) + 90) * 1000)},
        {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "90"},
        {"RateLimit-Remaining": "0", "RateLimit-Reset": "90"},
        {"RateLimit": '"default";r=0;t=90'},
        {"RateLimit": "limit=100, remaining=0, reset=90"},
        {"RateLimit": "limit=100, reset=90, remaining=0"},
        {"RateLimit": '"default";t=90;r=0'},
        {"RateLimit": '"a";r=0;t=10, "b";r=0;t=90'},
        {"RateLimit": '"a";r=0;t=90, "b";r=0;t=10'},
        {"RateLimit": '"a";r=5;t=3600, "b";r=0;t=90'},
        {"X-RateLimit-Remaining": "0, 0", "X-RateLimit-Reset": "10, 90"},
        {"X-RateLimit-Remaining": "12, 0", "X-RateLimit-Reset": "90"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "90s"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "2026-11-24T02:16:30Z"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "10", "RateLimit": '"day";r=0;t=90'},
    ],
)
def test_a_rate_limit_that_is_used_up_says_when_to_come_back(headers: dict[str, str]) -> None:
    assert retry_after(403, headers, NOW) == retry_after(429, headers, NOW) == 90
    assert retry_after(403, headers | {"Retry-After": "7"}, NOW) == 7
    assert retry_after(422, headers, NOW) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Remaining": "12", "X-RateLimit-Reset": "90"},
        {"X-RateLimit-Remaining": "0"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"},
        {"RateLimit": '"default";r=10;t=90'},
        {"RateLimit": '"a";r=0, "b";r=10;t=90'},
        {"X-RateLimit-Remaining": "10, 12", "X-RateLimit-Reset": "90"},
        {"X-RateLimit-Remaining": "", "X-RateLimit-Reset": "90"},
    ],
)
def test_a_rate_limit_that_is_not_used_up_asks_for_nothing(headers: dict[str, str]) -> None:
    assert retry_after(403, headers, NOW) is None


@given(st.text(max_size=40), st.sampled_from(["Retry-After", "X-RateLimit-Reset", "RateLimit"]))
def test_no_header_breaks_an_answer(text: str, name: str) -> None:
    seconds = retry_after(429, {"X-RateLimit-Remaining": "0", name: text}, NOW)
    assert seconds is None or 0 <= seconds <= MAX_WAIT_SECONDS
