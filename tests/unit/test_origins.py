"""Where the URL of a next page leads: nowhere but to the API's own origin, whoever reads it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from redrive.errors import ListingError
from redrive.origins import on_own_origin

BASE = "https://api.example.com/v1"
ASKED = "https://api.example.com/v1/emails?status=failed"


@pytest.mark.parametrize(
    ("url", "followed"),
    [
        ("/other?page=2", "https://api.example.com/other?page=2"),
        ("?page=2", "https://api.example.com/v1/emails?page=2"),
        ("https://API.example.com:443/v1/emails?page=2", "https://api.example.com/v1/emails?page=2"),
        ("https://api.example.com./v1/emails", "https://api.example.com/v1/emails"),
        ("http://api.example.com/v1/emails?page=2", "https://api.example.com/v1/emails?page=2"),
    ],
)
def test_a_next_page_of_the_same_origin_is_asked_there(url: str, followed: str) -> None:
    assert on_own_origin(url, ASKED, BASE) == followed


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\@api.example.com/x",
        "https://evil.example\\.api.example.com/x",
        "https://api.example.com@evil.example/x",
        "https://user@api.example.com/x",
        "https://api.example.com:8443/x",
        "https://api.example.com.evil.example/x",
        "https://api.example.com%2eevil.example/x",
        "https://api.example.com%00.evil.example/x",
        "//evil.example/x",
        "///evil.example/x",
        "https:evil.example",
        "https://evil.example#@api.example.com/",
        "https://evil.example?@api.example.com/",
        "https://api\u3002example.com/x",
        "https://\uff41pi.example.com/x",
        "https://[::1]/x",
        "https://api.example.com\t.evil.example/",
        "https://\x00api.example.com/",
        "http://api.example.com:443/x",
        "http://api.example.com:8080/x",
        "ftp://api.example.com/x",
        "javascript:alert(1)",
        "https://api.example.com:99999999/x",
        "https://",
    ],
)
def test_another_origin_or_two_readings_are_refused_or_stay_at_home(url: str) -> None:
    try:
        followed = on_own_origin(url, ASKED, BASE)
    except ListingError:
        return
    assert_at_home(followed)


@pytest.mark.parametrize(
    "url",
    [
        "///evil.example/x",
        "////evil.example/x",
        "https:evil.example/x",
        "https:/evil.example/x",
        "HTTP:///evil.example",
    ],
)
def test_what_browsers_take_for_a_host_is_refused(url: str) -> None:
    with pytest.raises(ListingError, match="ambiguous"):
        on_own_origin(url, ASKED, BASE)


@pytest.mark.parametrize(
    "url",
    [
        "/emails\t?page=2",
        "/emails?page=2\n",
        "/ema\x00ils",
        " /emails",
        "/emails ",
        "/e\\mails",
        "/e mails",
        "\\emails",
    ],
)
def test_a_url_that_one_reader_would_tidy_up_is_refused(url: str) -> None:
    with pytest.raises(ListingError, match="a character that no URL may hold"):
        on_own_origin(url, ASKED, BASE)


def test_a_refusal_names_both_origins_and_the_way_out() -> None:
    with pytest.raises(ListingError, match=r"https://api\.example\.org.*https://api\.example\.com.*set api\.base_url"):
        on_own_origin("https://api.example.org/emails?page=2", ASKED, BASE)


@pytest.mark.parametrize("url", ["http://api.example.com/x", "http://api.example.com:8443/x"])
def test_an_application_behind_a_balancer_names_its_port_or_none(url: str) -> None:
    asked = "https://api.example.com:8443/v1/emails"
    assert on_own_origin(url, asked, "https://api.example.com:8443/v1") == "https://api.example.com:8443/x"


def test_http_at_a_port_that_is_neither_is_another_origin() -> None:
    with pytest.raises(
        ListingError, match=r"another origin, http://api\.example\.com:8080, than api\.base_url, https://api"
    ):
        on_own_origin("http://api.example.com:8080/x", ASKED, BASE)


def test_https_is_not_taken_for_http() -> None:
    with pytest.raises(ListingError, match=r"https://127\.0\.0\.1:8080"):
        on_own_origin("https://127.0.0.1:8080/x", "http://127.0.0.1:8080/y", "http://127.0.0.1:8080")


@pytest.mark.parametrize("host", ["büro.example", "BÜRO.example", "xn--bro-hoa.example"])
def test_a_host_of_other_letters_is_the_same_in_either_spelling(host: str) -> None:
    asked = "https://büro.example/emails"
    assert on_own_origin(f"https://{host}/x", asked, "https://büro.example") == "https://büro.example/x"


@pytest.mark.parametrize("query", ["since=2026-11-24 02:15:00", "type=App\\Mail", "status=gescheitert für immer"])
def test_a_query_that_is_not_encoded_is_followed(query: str) -> None:
    assert on_own_origin(f"/emails?{query}", ASKED, BASE) == f"https://api.example.com/emails?{query}"


PIECES = st.sampled_from(
    [
        "https://",
        "http://",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "#",
        "?",
        "%2f",
        "%40",
        "\t",
        "\r\n",
        " ",
        ".",
        "[",
        "]",
        "\u3002",
        "\uff0e",
        *["api.example.com", "evil.example", "443", "80", "user", "xn--", "é", "\x00", "\u202e", "1"],
    ]
)


@given(st.lists(PIECES, max_size=9).map("".join) | st.text(max_size=40))
def test_whatever_is_given_the_credentials_stay_at_home(url: str) -> None:
    try:
        followed = on_own_origin(url, ASKED, BASE)
    except ListingError:
        return
    assert_at_home(followed)


def assert_at_home(url: str) -> None:
    """Assert of a URL, as it is asked and as urllib3 connects, that it is the API's own."""
    prepared = requests.Request("GET", url).prepare().url
    assert prepared
    connected = parse_url(prepared)
    assert (connected.scheme, connected.host, connected.port or 443) == ("https", "api.example.com", 443)
    assert urlsplit(url).netloc == "api.example.com"
    assert not connected.auth
