"""What a request takes less time for than requests does, it writes as requests does."""

from __future__ import annotations

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from redrive.auth import NoAuth
from redrive.transport import Deadline, no_retry, open_session

ORIGIN = "https://app.example.com"
PARTS = st.text(st.characters(codec="utf-8", exclude_characters="#"), max_size=12)


@given(
    st.sampled_from(["", ":8443"]),
    PARTS,
    st.sampled_from(["", "?"]) | PARTS.map("?{}".format),
    st.sampled_from(["", "limit=100", "a=%20~&b=%2F"]),
)
@example("", "//other.example.com/x", "", "limit=100")
@example("", "", "?", "limit=100")
@example("", "/emails;v=1", "?status=failed&", "")
@example("", "/%zz%7e", "?a=b c", "limit=100")
def test_a_requests_url_is_written_as_requests_does(port: str, path: str, query: str, params: str) -> None:
    url = f"{ORIGIN}{port}/{path}{query}"
    session = open_session(f"{ORIGIN}{port}", Deadline(), no_retry(Deadline(), 1), 1)
    try:
        theirs = requests.Request("GET", url, params=params).prepare()
    except requests.RequestException as error:
        with pytest.raises(type(error)):
            session.prepared("GET", url, {}, params, None, NoAuth())
        return
    own = session.prepared("GET", url, {}, params, None, NoAuth())
    assert own.url == theirs.url
    adapter = session.get_adapter(url)
    for proxies in ({}, {"https": "http://proxy.example.com:3128"}):
        assert adapter.request_url(own, proxies) == HTTPAdapter().request_url(theirs, proxies)


def test_a_fragment_is_not_sent() -> None:
    session = open_session(ORIGIN, Deadline(), no_retry(Deadline(), 1), 1)
    assert (
        session.prepared("GET", f"{ORIGIN}/emails#top", {}, "limit=100", None, NoAuth()).url
        == f"{ORIGIN}/emails?limit=100"
    )
