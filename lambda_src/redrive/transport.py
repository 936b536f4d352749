"""HTTP to the application: connections that are kept, and retries that end before the function's time does."""

from __future__ import annotations

import http
import http.client
import io
import math
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import HTTPHeaderDict, PoolManager, Timeout, make_headers, proxy_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    ProxyError,
    ReadTimeoutError,
    ResponseError,
    SSLError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util import parse_url
from urllib3.util.retry import Retry
from urllib3.util.ssl_ import create_urllib3_context

from redrive.answers import retry_after
from redrive.clock import now
from redrive.origins import PORTS, origin


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
        status_forcelist={408, 425, 429, 500, 502, 503, 504},
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
        return io.BufferedReader(self.reader)


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


class Request:
    """A request as it is sent.

    Parameters
    ----------
    url
        Is encoded as far as it is not; a host of other letters is made ASCII (IDNA).
    headers
        Each over the ones before it, and all over those that go with every request.

    Raises
    ------
    ValueError
        The URL is invalid.
    """

    def __init__(self, method: str, url: str, *headers: Mapping[str, str], body: bytes | None = None) -> None:
        self.method, self.body = method, body
        self.parts = parse_url(url)
        self.url = self.parts.url
        self.headers = HTTPHeaderDict(HEADERS)
        for each in headers:
            self.headers.update(each)


HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": "communications-redrive"}
"""What goes with every request, unless it says otherwise."""


class Connections:
    """Connections to one origin, that of a URL: they are kept and used again, and no request goes elsewhere.

    Parameters
    ----------
    body_seconds
        How long a body may take from its first byte to its last.
    certificates
        In PEM: of the authorities that are trusted. None for those that everybody trusts, or that the environment
        names (REQUESTS_CA_BUNDLE).

    Raises
    ------
    ValueError
        The URL has no origin, or two.
    """

    def __init__(
        self, url: str, deadline: Deadline, retry: Retry, body_seconds: float, certificates: str | None = None
    ) -> None:
        self._origin = scheme, host, port = origin(url)
        self._retry = retry
        self._proxy = _proxy(scheme, host, port)
        more: dict[str, Any] = {"ssl_context": _trusting(certificates)} if scheme == "https" else {}
        self._manager = proxy_from_url(**self._proxy, **more) if self._proxy else PoolManager(**more)
        # Classes of its own: urllib3 makes pools and connections by class.
        kinds: dict[str, tuple[type[HTTPConnectionPool], type[HTTPConnection]]] = {
            "http": (HTTPConnectionPool, HTTPConnection),
            "https": (HTTPSConnectionPool, HTTPSConnection),
        }
        self._manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": _timed(connection, deadline, body_seconds)})
            for scheme, (pool, connection) in kinds.items()
        }
        self._pool: HTTPConnectionPool | None = None

    def close(self) -> None:
        """Close all of them; the next request opens others."""
        self._manager.clear()
        self._pool = None

    def send(self, request: Request, connect_seconds: float, read_seconds: float) -> BaseHTTPResponse:
        """Send a request; its body is not read yet, and a redirect is not followed.

        Raises
        ------
        HTTPError
            No answer came; a :class:`WrongOrigin` where the request would go to another one.
        ValueError
            A header is invalid; nothing was sent.
        """
        parts = request.parts
        scheme, port = parts.scheme or "", parts.port or PORTS.get(parts.scheme or "")
        if (scheme, (parts.host or "").strip("[]").lower(), port) != self._origin or parts.auth:
            raise WrongOrigin
        opens: Callable[..., BaseHTTPResponse]
        if self._proxy:
            opens, target = self._manager.urlopen, request.url
        else:  # the only pool there is: the manager would look for it anew, at a tenth of a request's cost
            self._pool = self._pool or self._manager.connection_from_host(parts.host, parts.port, scheme)
            opens, target = self._pool.urlopen, parts.request_uri
        return opens(
            request.method,
            target,
            body=request.body,
            headers=request.headers,
            retries=self._retry,
            redirect=False,
            timeout=Timeout(connect=connect_seconds, read=read_seconds),
            preload_content=False,
        )


class WrongOrigin(HTTPError):
    """A request would take its credentials to another origin than the one they are for; it was not sent."""


class BrokenOff(HTTPError):
    """An answer ended before its body did."""


def _proxy(scheme: str, host: str, port: int) -> dict[str, Any]:
    """Give the proxy that the environment names for an origin (HTTPS_PROXY, NO_PROXY, …); empty where it names none."""
    found = getproxies()
    url = found.get(scheme) or found.get("all")
    if not url or proxy_bypass(f"{host}:{port}"):
        return {}
    parts = parse_url(url if "://" in url else f"http://{url}")
    return {
        "url": parts._replace(auth=None).url,
        "proxy_headers": make_headers(proxy_basic_auth=unquote(parts.auth)) if parts.auth else None,
    }


def _trusting(certificates: str | None) -> ssl.SSLContext:
    """Make what a connection is checked by, once: to read the certificates takes longer than many a request."""
    context = create_urllib3_context()
    if certificates:
        context.load_verify_locations(cadata=certificates)
        return context
    bundle = Path(os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or certifi.where())
    if bundle.is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(cafile=bundle)
    return context


def beginning(answer: BaseHTTPResponse, size: int) -> tuple[bytes, bool]:
    """Read the first ``size`` bytes of an answer, decoded, and tell whether they came in time.

    A connection on which more would come is closed.

    Raises
    ------
    DecodeError
        It is not packed as it says.
    BrokenOff
        It ended too early.
    """
    parts, length = [], 0
    try:
        while length < size:
            # Decoded no further than asked for: a few kilobytes may hold gigabytes of the same letter.
            part = answer.read1(size - length, decode_content=True)
            if not part:
                break
            parts.append(part)
            length += len(part)
    except ReadTimeoutError:
        return b"".join(parts), False
    except DecodeError:
        raise
    except HTTPError as error:
        raise BrokenOff from error
    finally:
        answer.close()  # also its connection, unless it was read to its end and has given that back
        answer.release_conn()
    return b"".join(parts), True


BROKEN_OFF = "the answer broke off"

TLS_TROUBLE = {
    10: "the certificate has expired",
    62: "the certificate is another host's",
    64: "the certificate is another address's",
}
"""By OpenSSL's code of a verification (X509_V_ERR_…)."""


def in_words(error: HTTPError) -> str:
    """Say what became of a request that got no answer, without its URL and headers."""
    causes = _causes(error)

    def is_any(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if is_any(NameResolutionError, socket.gaierror):
        return "no connection: unknown host"
    if is_any(ConnectionRefusedError):
        return "no connection: refused, nothing listens there"
    if is_any(ProxyError):
        return "no connection: the proxy does not make one"
    if is_any(SSLError):
        return f"no TLS connection: {_tls_trouble(causes)}"
    if is_any(ConnectTimeoutError):
        return "no connection in time"
    if is_any(ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, DecodeError):
        return "the answer is not packed as its Content-Encoding says"
    if isinstance(error, WrongOrigin):
        return "not sent: its URL is on another origin than the credentials are for"
    return BROKEN_OFF if isinstance(error, BrokenOff) else "connection failed"


def _tls_trouble(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TLS_TROUBLE.get(
                cause.verify_code, "unknown certificate authority; a private one needs api.ca_bundle_secret_arn"
            )
    return "the other side speaks no TLS, or none that is safe"


def _causes(error: BaseException) -> list[BaseException]:
    """Give an error and those it was raised for, as urllib3 holds them: arguments, reasons, contexts."""
    found: list[BaseException] = []
    ahead: list[Any] = [error]
    while ahead:
        one = ahead.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            ahead += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found
