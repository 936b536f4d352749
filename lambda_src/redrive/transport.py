"""HTTP to the application: one pooled session, and retries that end before the function's time does."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    DecodeError,
    HTTPError,
    InvalidHeader,
    MaxRetryError,
    ReadTimeoutError,
    ResponseError,
)
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry


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


class PatientRetry(Retry):
    """urllib3's policy, with ``Retry-After`` honoured as far as the deadline allows.

    Where the wait would outlast the deadline it gives up at once: the caller gets the last answer, and whoever
    called the function decides when to come back.
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
        """Read ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date); one that makes no sense counts as none."""
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None

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
        if wait + self.try_seconds >= self.deadline.remaining():
            reason = error or ResponseError(f"no time left to wait {wait:.0f} s and try again")
            raise MaxRetryError(_pool, url, reason)  # type: ignore[arg-type]  # urllib3 passes None as well
        return following


def listing_retry(deadline: Deadline, try_seconds: float) -> PatientRetry:
    """Make the policy for reading lists: a GET may be repeated freely."""
    return PatientRetry(
        deadline=deadline,
        try_seconds=try_seconds,
        total=3,
        allowed_methods={"GET"},
        status_forcelist={408, 425, 429, 500, 502, 503, 504},
        backoff_factor=0.5,
        backoff_jitter=0.5,
        raise_on_status=False,
    )


def requeue_retry(deadline: Deadline, try_seconds: float) -> PatientRetry:
    """Make the policy for requeueing.

    Only what surely did not arrive (no connection) and what the API asks to repeat (``Retry-After``) is tried again
    here; every other retry is the state machine's, which waits without being billed.
    """
    return _call_retry(deadline, try_seconds, total=1, respect_retry_after_header=False)


def worker_retry(deadline: Deadline, try_seconds: float) -> PatientRetry:
    """Make the policy for the worker: once more where there was no connection, and nothing else.

    The queue does every other waiting, so ``Retry-After`` is not waited for either.
    """
    return _call_retry(deadline, try_seconds, total=1, respect_retry_after_header=False)


def _call_retry(deadline: Deadline, try_seconds: float, **more: Any) -> PatientRetry:
    """Make a policy for calls that change something: what may have arrived is not sent again here."""
    return PatientRetry(
        deadline=deadline,
        try_seconds=try_seconds,
        connect=1,
        read=False,
        other=False,
        allowed_methods={"POST", "PUT", "PATCH"},
        raise_on_status=False,
        **more,
    )


def token_retry(deadline: Deadline, try_seconds: float) -> PatientRetry:
    """Make the policy for an OAuth token endpoint: its POST has no idempotency key, so no answer is no retry."""
    return PatientRetry(
        deadline=deadline, try_seconds=try_seconds, total=1, allowed_methods={"GET"}, raise_on_status=False
    )


class _Session(requests.Session):
    """Looks up once what the environment says of an origin: proxies, certificates. requests does so every time."""

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[Any, ...], Any] = {}

    def merge_environment_settings(self, url: Any, *settings: Any) -> Any:
        """Give the settings of a request: those of the environment, under its own."""
        key = (*url.split("/", 3)[:3], *map(repr, settings))
        if key not in self._settings:
            self._settings[key] = super().merge_environment_settings(url, *settings)
        return dict(self._settings[key])


def open_session(base_url: str, retry: PatientRetry) -> requests.Session:
    """Open the session of a sandbox: connections to the API are kept and used again.

    The policy is for the origin of ``base_url``; a URL elsewhere (a token endpoint) needs an adapter of its own.
    """
    session = _Session()
    parts = urlsplit(base_url)
    session.mount(f"{parts.scheme}://{parts.netloc}/", HTTPAdapter(max_retries=retry))
    session.headers.update({"Accept": "application/json", "User-Agent": "communications-redrive"})
    return session


def beginning(answer: requests.Response, size: int, deadline: Deadline, seconds: float) -> tuple[bytes, bool]:
    """Read the first ``size`` bytes of a streamed answer, decoded, and tell whether they came in so many seconds.

    A timeout of requests is only between two bytes. A connection on which more would come is closed. Raises an error of
    requests where the answer breaks off.
    """
    parts, length, until = [], 0, time.monotonic() + min(seconds, deadline.remaining())
    try:
        with answer:
            while length < size:
                part = answer.raw.read1(size - length, decode_content=True)
                if not part:
                    break
                parts.append(part)
                length += len(part)
                if time.monotonic() > until:
                    return b"".join(parts), False
    except HTTPError as error:
        kind = requests.exceptions.ContentDecodingError if isinstance(error, DecodeError) else requests.ConnectionError
        raise kind(error) from None
    return b"".join(parts), True


def in_words(error: requests.RequestException) -> str:
    """Say what became of a request that got no answer, without its URL and headers."""
    reason = getattr(error.args[0], "reason", None) if error.args else None  # what urllib3 gave up for
    if isinstance(error, requests.exceptions.SSLError):
        return "no TLS connection; a private authority needs api.ca_bundle_secret_arn"
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, ConnectTimeoutError):
        return "no connection"
    if isinstance(error, requests.ReadTimeout) or isinstance(reason, ReadTimeoutError):
        return "no answer in time"
    return "connection failed" if isinstance(error, requests.ConnectionError) else type(error).__name__
