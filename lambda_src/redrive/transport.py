"""HTTP to the application: one pooled session, and retries that end before the function's time does."""

from __future__ import annotations

import http
import http.client
import io
import math
import socket
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urljoin

import requests
from requests import Response
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    MaxRetryError,
    ReadTimeoutError,
    ResponseError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

from redrive.answers import retry_after
from redrive.clock import now
from redrive.origins import origin

BUFFER_BYTES = 65536
"""Received at a time: most pages of a list are shorter."""


class Deadline:
    """How long the current invocation may still take. One object per sandbox, set anew by every invocation."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = math.inf

    def set(self, seconds: float) -> None:
        """Let it be over in so many seconds."""
        self._until = self._clock() + seconds

    def remaining(self) -> float:
        """Give the seconds that are left; negative when it is over."""
        return self._until - self._clock()


LONGEST_WAIT_SECONDS = 60.0
"""A list whose API asks to be left alone for longer is given up: the others have their turn, and it the next run's."""


NEVER_LATER = frozenset({501, 505})
"""What the server does not implement it will not a second later: a method, a version of HTTP (RFC 9110, 15.6)."""


class DeadlineRetry(Retry):
    """urllib3's policy, with backoff and ``Retry-After`` only as far as the deadline and the others' turns allow.

    Where the wait would outlast them it gives up at once: the caller gets the last answer, and whoever called the
    function decides when to come back.
    """

    RETRY_AFTER_STATUS_CODES = frozenset({425, 429, 503})

    def __init__(self, *args: Any, deadline: Deadline, try_seconds: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.deadline = deadline
        self.try_seconds = try_seconds

    def new(self, **kwargs: Any) -> Self:
        """Copy the policy, as urllib3 does after every try."""
        return super().new(deadline=self.deadline, try_seconds=self.try_seconds, **kwargs)

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Read for how long the API asks to be left alone; see :func:`redrive.answers.retry_after`."""
        return retry_after(response.status, response.headers, now())

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """Count a try; raises ``MaxRetryError`` when there are none left, or no time for the next."""
        following = super().increment(method, url, response, error, _pool, _stacktrace)
        wait = (self.get_retry_after(response) if response else None) or following.get_backoff_time()
        if wait > LONGEST_WAIT_SECONDS or wait + self.try_seconds >= self.deadline.remaining():
            reason = error or ResponseError(f"no time left to wait {wait:.0f} s and try again")
            raise MaxRetryError(_pool, url, reason)  # type: ignore[arg-type]  # urllib3 passes None as well
        return following


def listing_retry(deadline: Deadline, try_seconds: float) -> Retry:
    """Make the policy for reading lists: a GET may be repeated freely."""
    return DeadlineRetry(
        deadline=deadline,
        try_seconds=try_seconds,
        total=3,
        allowed_methods={"GET"},
        status_forcelist={408, 425, 429, *range(500, 600)} - NEVER_LATER,
        backoff_factor=0.5,
        backoff_jitter=0.5,
        raise_on_status=False,
    )


def no_retry(deadline: Deadline, try_seconds: float) -> Retry:  # noqa: ARG001 (as every policy is made)
    """Make the policy for what changes something: one request, whatever comes of it.

    Every retry is the state machine's or the queue's, which wait without being billed and count what they do.
    """
    return Retry(0, raise_on_status=False)


class _TimedReader(io.RawIOBase):
    """What a socket receives, until a moment: a timeout of a socket's own is only between two bytes.

    Parameters
    ----------
    sock
        Its timeout, in seconds between two bytes, still holds.
    raw
        The unbuffered file of it.
    until
        Of ``time.monotonic``.
    """

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, until: float) -> None:
        self._sock = sock
        self._raw = raw
        self._between_bytes = sock.gettimeout() or math.inf
        self.until = until

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Receive what there is; raises ``TimeoutError`` when the time is over."""
        remaining = self.until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the answer did not finish in time")
        self._sock.settimeout(min(self._between_bytes, remaining))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close the file; the socket stays open where its connection still has it."""
        self._raw.close()
        super().close()


class _FinalResponse(http.client.HTTPResponse):
    """An answer that passes over what comes before it: ``http.client`` takes 103 for the answer (RFC 9110, 15.2)."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not http.HTTPStatus.SWITCHING_PROTOCOLS < status < http.HTTPStatus.OK:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _TimedSocket:
    """A socket as ``http.client`` reads an answer from it."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        raw: Any = sock.makefile("rb", buffering=0)
        self.reader = _TimedReader(sock, raw, until)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 (http.client's)
        """Give the file that the answer is read from."""
        return io.BufferedReader(self.reader, BUFFER_BYTES)


def _timed(kind: type[HTTPConnection], deadline: Deadline, body_seconds: float) -> type[HTTPConnection]:
    """Make a kind of connection whose answers end: status and headers within the read timeout, the body in its own."""

    class Timed(kind):  # type: ignore[misc, valid-type]
        def getresponse(self) -> Any:
            """Wait for status and headers."""
            until = time.monotonic() + (self.timeout or math.inf)
            timed: list[_TimedSocket] = []

            def response(sock: socket.socket, *args: Any, **kwargs: Any) -> http.client.HTTPResponse:
                timed.append(_TimedSocket(sock, until))
                return _FinalResponse(cast("socket.socket", timed[0]), *args, **kwargs)

            self.response_class = response
            answer = super().getresponse()
            timed[0].reader.until = time.monotonic() + min(body_seconds, deadline.remaining())
            return answer

    return Timed


class _Adapter(HTTPAdapter):
    """Sends to one origin only, whatever a request's URL says, and waits for no answer beyond its time.

    Parameters
    ----------
    url
        Of that origin.
    body_seconds
        How long a body may take.
    """

    def __init__(self, url: str, deadline: Deadline, retry: Retry, body_seconds: float) -> None:
        self._origin = origin(url)
        self._begins = urljoin(requests.Request("GET", url).prepare().url or "", "/")
        self._pool: ConnectionPool | None = None
        # Classes of its own: urllib3 makes pools and connections by class.
        kinds: dict[str, tuple[type[HTTPConnectionPool], type[HTTPConnection]]] = {
            "http": (HTTPConnectionPool, HTTPConnection),
            "https": (HTTPSConnectionPool, HTTPSConnection),
        }
        self._pools = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _timed(connection, deadline, body_seconds)})
            for scheme, (pool, connection) in kinds.items()
        }
        super().__init__(max_retries=retry)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools of connections by way of a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request; raises ``InvalidURL`` where it would go to another origin."""
        url = request.url or ""
        try:
            # Behind the slash nobody looks for a host: what begins so needs no reader.
            is_own = url.startswith(self._begins) or origin(url) == self._origin
        except ValueError:
            is_own = False
        if not is_own:
            raise requests.exceptions.InvalidURL(request=request)
        return super().send(request, *args, **kwargs)

    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """Give what the first line of a request says: path and query, which requests takes the whole URL apart for."""
        url = request.url or ""
        if proxies or not url.startswith(self._begins) or url.startswith(f"{self._begins}/") or "#" in url:
            return super().request_url(request, proxies)
        return url[len(self._begins) - 1 :]

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        """Give the pool of the one origin; proxies and certificates stay the same as well."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*args, **kwargs)
        return self._pool

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        super().close()
        self._pool = None


class _Session(requests.Session):
    """Looks up once what the environment says of an origin: proxies, certificates. requests does so every time.

    For requests that follow no redirect and want no cookies and hooks, :meth:`prepared` and :meth:`sent` leave out what
    those take: a third of a request's time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[Any, ...], Any] = {}

    def prepared(
        self, method: str, url: str, headers: Mapping[str, str], params: str | None, json: Any, auth: AuthBase
    ) -> requests.PreparedRequest:
        """Prepare a request as ``PreparedRequest.prepare`` does, with the credentials, which may take a token.

        Raises
        ------
        requests.RequestException, ValueError
            Its URL, or a header, is invalid.
        """
        made = requests.PreparedRequest()
        made.prepare_method(method)
        made.url = _prepared_url(url)
        if params:  # which are encoded already
            made.url = f"{made.url}{'&' if '?' in made.url else '?'}{params}"
        made.prepare_headers({**self.headers, **headers})
        made.prepare_body(None, None, json)
        made.prepare_auth(auth)
        return made

    def sent(self, request: requests.PreparedRequest, timeout: tuple[float, float], verify: str | bool) -> Response:
        """Send a request; its body is not read yet. Raises ``InvalidURL`` where it would go to another origin."""
        try:
            settings = self.merge_environment_settings(request.url, {}, True, verify, None)
        except ValueError:  # Python's own reader of URLs finds a port that is none
            raise requests.exceptions.InvalidURL(request=request) from None
        return self.get_adapter(request.url or "").send(request, timeout=timeout, **settings)

    def merge_environment_settings(self, url: Any, *settings: Any) -> Any:
        """Give the settings of a request: those of the environment, under its own."""
        key = (*url.split("/", 3)[:3], *map(repr, settings))
        if key not in self._settings:
            self._settings[key] = super().merge_environment_settings(url, *settings)
        return dict(self._settings[key])


@lru_cache(maxsize=16)
def _prepared_url(url: str) -> str:
    """Write a URL as it is sent: most requests go to the same one, whatever communication or page they ask for."""
    made = requests.PreparedRequest()
    made.prepare_url(url.partition("#")[0], None)
    return made.url or ""


def open_session(url: str, deadline: Deadline, retry: Retry, body_seconds: float) -> _Session:
    """Open a session of a sandbox for one origin, that of a URL: connections are kept and used again.

    Parameters
    ----------
    body_seconds
        How long a body may take from its first byte to its last.

    Raises
    ------
    ValueError
        The URL has no origin, or two.
    """
    session, adapter = _Session(), _Adapter(url, deadline, retry, body_seconds)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update({"Accept": "application/json", "User-Agent": "communications-redrive"})
    return session


def beginning(answer: requests.Response, size: int) -> tuple[bytes, bool]:
    """Read the first ``size`` bytes of a streamed answer, decoded, and tell whether they came in time.

    A connection on which more would come is closed. Raises an error of requests where the answer breaks off.
    """
    parts, length = [], 0
    try:
        with answer:
            while length < size:
                # Decoded no further than asked for: a few kilobytes may hold gigabytes of the same letter.
                part = answer.raw.read1(size - length, decode_content=True)
                if not part:
                    break
                parts.append(part)
                length += len(part)
    except ReadTimeoutError:
        return b"".join(parts), False
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from None
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from None
    return b"".join(parts), True
