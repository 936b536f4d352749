"""Where requests really go: seen at the connections that are made, and at a second server that must not be asked."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from waitress.server import create_server
from werkzeug.wrappers import Response

from redrive.api import Api
from redrive.entries import QueueEntry
from redrive.errors import ApiUnavailable, ConfigurationError, RedriveError
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, AuthSettings, AuthType
from redrive.transport import listing_retry, no_retry
from tests.unit.support import ScriptedApi, as_json

HOME = "api.test"
SECRET = "s3cret"


class KnownSecrets(Secrets):
    """Secrets that are there already."""

    def text(self, arn: str, *, fresh: bool = False) -> str:
        return '{"client_id": "redrive", "client_secret": "s3cret"}' if arn == "client" else SECRET


@dataclass
class Network:
    """A network with one known host, the API's; whatever else is connected to, another server answers."""

    home: ScriptedApi
    elsewhere: ScriptedApi
    targets: set[tuple[str, int]] = field(default_factory=set)

    def connect(self, address: tuple[str, int], *more: Any, **options: Any) -> socket.socket:
        self.targets.add(address)
        server = urlsplit((self.home if address[0] == HOME else self.elsewhere).url)
        return self.create((server.hostname, server.port), *more, **options)

    create: Callable[..., socket.socket] = urllib3.util.connection.create_connection

    def assert_nobody_else_was_asked(self) -> None:
        assert self.targets <= {(HOME, 80)}
        assert not self.elsewhere.requests


@pytest.fixture(scope="module")
def second_server() -> Iterator[ScriptedApi]:
    made = ScriptedApi(answer=lambda request: as_json([]))
    server = create_server(made, host="127.0.0.1", port=0)
    made.url = f"http://127.0.0.1:{server.effective_port}"
    threading.Thread(target=server.run, daemon=True).start()
    yield made
    server.close()


@pytest.fixture
def network(api: ScriptedApi, second_server: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> Network:
    second_server.requests.clear()
    api.answer = lambda request: as_json([])
    made = Network(api, second_server)
    monkeypatch.setenv(
        "NO_PROXY", "localhost"
    )  # where there is one, requests has Python's reader look at a URL as well
    monkeypatch.setattr(urllib3.util.connection, "create_connection", made.connect)
    return made


def client(policy: Any = no_retry, **auth: Any) -> Api:
    settings = AuthSettings(**({"type": AuthType.BEARER, "secret_arn": "token"} | auth))
    made = Api(ApiSettings(base_url=f"http://{HOME}", auth=settings), policy, KnownSecrets())
    made.deadline.set(20)
    return made


def test_the_credentials_arrive_at_home(network: Network) -> None:
    assert client().get(f"http://{HOME}/emails", []).status == 200
    assert network.targets == {(HOME, 80)}
    assert network.home.requests[0].headers["Authorization"] == f"Bearer {SECRET}"


TRICKS = [
    f"http://evil.test\\@{HOME}/x",
    f"http://evil.test\\.{HOME}/x",
    f"http://{HOME}@evil.test/x",
    f"http://{HOME}:80@evil.test/x",
    f"http://{HOME}%40evil.test/x",
    f"http://{HOME}%2eevil.test/x",
    f"http://{HOME}%00.evil.test/x",
    f"http://{HOME}\t.evil.test/x",
    f"http://{HOME}\r\n.evil.test/x",
    f"http://{HOME}\x00.evil.test/x",
    f"http://{HOME} .evil.test/x",
    f"http://evil.test#@{HOME}/x",
    f"http://evil.test?@{HOME}/x",
    f"http://evil.test;@{HOME}/x",
    f"http://evil.test\uff0f@{HOME}/x",
    f"http://evil.test\u2044@{HOME}/x",
    f"http://{HOME}\uff0eevil.test/x",
    f"http://{HOME}.evil.test/x",
    f"http://{HOME}:81/x",
    f"http://{HOME}:80:81/x",
    f"https://{HOME}/x",
    f"ftp://{HOME}/x",
    "http://[::1]/x",
    f"http://[{HOME}]/x",
    "//evil.test/x",
    "//[::1][::1]/x",
    "\\\\evil.test/x",
    "/\\evil.test/x",
    "http:evil.test/x",
    "http:///evil.test/x",
    "http:/\\evil.test/x",
    " http://evil.test/x",
    "javascript:alert(1)",
    "http://2130706433/x",
    "http://0x7f.1/x",
]


@pytest.mark.parametrize("url", TRICKS)
def test_a_trick_leads_nowhere_else(network: Network, url: str) -> None:
    ask(client(), url)
    network.assert_nobody_else_was_asked()


def ask(caller: Api, url: str) -> None:
    """Follow a URL as a source does, and ask for it as it is."""
    for made in (lambda: caller.same_origin_url(url, f"http://{HOME}/emails?page=1"), lambda: url):
        try:
            caller.get(made(), [("status", "failed")])
        except RedriveError:
            continue


HOSTS = [HOME, HOME.upper(), f"{HOME}.", "evil.test", "127.0.0.1", "[::1]", "xn--api-test", "äpi.test"]
GLUE = ["", "@", "\\", "\\@", "/", "//", ":", ":80", ":81", "#", "?", ";", "%40", "%5c", "%2f", ".", "\t", "\n", " "]
GLUE += ["\x00", "\x7f", "\xa0", "\u200b", "\u3002", "\uff0f", "\uff20", "\u2100", "[", "]", "&", "|", "^", '"']
AUTHORITIES = st.lists(st.sampled_from(HOSTS) | st.sampled_from(GLUE), min_size=1, max_size=6).map("".join)
URLS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["http://", "https://", "HTTP://", "//", "http:", "http:/", "http:\\\\", "\\\\", "", "/"]),
        AUTHORITIES,
        st.sampled_from(["", "/x", "/x?y=1", "?x", "#x", f"@{HOME}/x", f"\\@{HOME}/x", f"/@{HOME}"]),
    ),
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=400)
@given(url=URLS | st.text(max_size=30).map("http://evil.test".__add__) | st.text(max_size=30))
def test_no_url_takes_the_credentials_elsewhere(network: Network, url: str) -> None:
    ask(client(), url)
    network.assert_nobody_else_was_asked()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(url=URLS)
def test_a_token_that_is_a_url_is_a_parameter_and_no_more(network: Network, url: str) -> None:
    network.home.requests.clear()
    client().get(f"http://{HOME}/emails", [("cursor", url)])
    assert [request.args["cursor"] for request in network.home.requests] == [url]
    network.assert_nobody_else_was_asked()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(primary_id=URLS | st.text(min_size=1, max_size=20))
def test_an_id_that_is_a_url_is_part_of_the_path_and_no_more(network: Network, primary_id: str) -> None:
    network.home.requests.clear()
    entry = QueueEntry(primary_id, "send.email", "test", "2026-11-24T02:15:00Z")
    client().call("POST", "/{primaryId}", entry, "a key")
    assert len(network.home.requests) == 1
    network.assert_nobody_else_was_asked()


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("to", ["http://evil.test/x", "//evil.test/x", f"http://{HOME}/other"])
def test_a_redirect_is_followed_nowhere(network: Network, status: int, to: str) -> None:
    network.home.answers(Response(status=status, headers={"Location": to, "Refresh": f"0; url={to}"}))
    entry = QueueEntry("1", "send.email", "test", "2026-11-24T02:15:00Z")
    for asking in (
        lambda: client(listing_retry).get(f"http://{HOME}/emails", []),
        lambda: client().call("POST", "/requeue", entry, "a key"),
    ):
        with pytest.raises(ApiUnavailable, match=f"HTTP {status}"):
            asking()
    assert len(network.home.requests) == 2
    network.assert_nobody_else_was_asked()


OAUTH = {"type": AuthType.OAUTH2_CLIENT_CREDENTIALS, "secret_arn": "client"}


def test_a_redirect_of_the_token_endpoint_takes_the_clients_secret_nowhere(network: Network) -> None:
    network.home.answers(Response(status=307, headers={"Location": "http://evil.test/token"}))
    caller = client(**OAUTH, token_url=f"http://{HOME}/token")
    with pytest.raises(ApiUnavailable, match="token endpoint: HTTP 307"):
        caller.get(f"http://{HOME}/emails", [])
    assert [request.path for request in network.home.requests] == ["/token"]
    network.assert_nobody_else_was_asked()


def test_the_token_endpoint_gets_no_header_that_is_for_the_api(network: Network) -> None:
    network.home.answers(as_json({"access_token": "token-1"}), as_json([]))
    settings = ApiSettings(
        base_url=f"http://{HOME}",
        auth=AuthSettings(**OAUTH, token_url=f"http://{HOME}/token"),
        headers={"X-Tenant": "claims", "Accept": "application/vnd.api+json"},
    )
    caller = Api(settings, no_retry, KnownSecrets())
    caller.get(f"http://{HOME}/emails", [])
    token, listed = network.home.requests
    assert (token.headers.get("X-Tenant"), token.headers["Accept"]) == (None, "application/json")
    assert (listed.headers["X-Tenant"], listed.headers["Accept"]) == ("claims", "application/vnd.api+json")


AMBIGUOUS = [
    "http://evil.test\\@api.test/",
    "http://user:word@api.test/",
    "http://api.test:80:81/",
    "http://api..test/",
    f"http://{'a' * 64}.test/",
    "api.test",
    "",
]


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_settings_that_name_two_hosts_or_none_are_wrong(network: Network, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"api\.base_url"):
        Api(ApiSettings(base_url=url), no_retry, KnownSecrets())
    if url:
        with pytest.raises(ConfigurationError, match=r"api\.auth\.token_url"):
            client(**OAUTH, token_url=url)


def test_credentials_of_a_netrc_file_are_not_used(
    network: Network, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text(f"machine {HOME} login someone password else\n", "utf-8")
    monkeypatch.setenv("NETRC", str(file))
    network.home.answers(as_json({"access_token": "token-1"}), as_json([]))
    client(**OAUTH, token_url=f"http://{HOME}/token", client_in="body").get(f"http://{HOME}/emails", [])
    client(type=AuthType.NONE).get(f"http://{HOME}/emails", [])
    sent = [request.headers.get("Authorization") for request in network.home.requests]
    assert sent == [None, "Bearer token-1", None]


def test_a_cookie_that_the_api_sets_is_not_sent_back(network: Network) -> None:
    network.home.answers(Response("[]", headers={"Set-Cookie": "session=1; Path=/"}), as_json([]))
    caller = client()
    for _ in range(2):
        caller.get(f"http://{HOME}/emails", [])
    assert [request.headers.get("Cookie") for request in network.home.requests] == [None, None]


def test_the_order_of_tricks_does_not_matter(network: Network) -> None:
    caller = client()
    for first, second in itertools.pairwise(TRICKS):
        ask(caller, first)
        ask(caller, second)
    network.assert_nobody_else_was_asked()
