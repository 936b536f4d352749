"""The application's API: reading a list, and calls that may be repeated under their idempotency key."""

from __future__ import annotations

import codecs
import json
import re
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit

import requests

from redrive import clock
from redrive.auth import ApiAuth, api_auth
from redrive.entries import QueueEntry
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused, ListingError
from redrive.ledger_rules import Claim
from redrive.models import idempotency_key
from redrive.origins import on_own_origin
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, RequeueSettings
from redrive.transport import Deadline, PatientRetry, beginning, in_words, open_session

TRANSIENT = frozenset({408, 425, 429})
"""Client errors that a later try may not meet: request timeout, too early, too many requests (RFC 9110, 8470, 6585)."""

PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""Of RFC 9110, as Python has them since 3.13: the same words under every runtime."""

LEAST_SECONDS = 0.5
"""With less than this left no request is begun."""

MAX_LIST_BYTES = 16 * 1024 * 1024
"""Of one page of a list, decoded: parsed it takes some ten times that, and the function has 256 MB."""

ANSWER_SECONDS = 60.0
"""How long an answer may take from its first byte to its last: a body that drips must not take the others' time."""

MAX_ANSWER_BYTES = 65536
"""Read of an answer that is judged by its status; what is shorter leaves its connection to the next request."""

IDLE_SECONDS = 30.0
"""Connections unused for longer are opened anew: the other end may have closed them while the sandbox was frozen."""


@dataclass(frozen=True)
class ListAnswer:
    """One answer to a request for a list: status, URL asked for, headers, body, and how long it took."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    milliseconds: float


@dataclass(frozen=True)
class Answer:
    """What the API said to a call about a queue entry.

    Attributes
    ----------
    accepted
        Whether it is a 2xx that is believed.
    error
        Why not, in words.
    retry_after
        Seconds that the API asked to wait, None where it named none.
    """

    status: int
    accepted: bool
    error: str | None = None
    retry_after: float | None = None


class Api:
    """The application's API, over one pooled session with one set of credentials.

    Parameters
    ----------
    settings
        ``api`` of the module.
    make_retry
        Makes the session's policy, from its deadline and from how many seconds a try takes at most.
    secrets
        Where credentials and the CA bundle are read.

    Attributes
    ----------
    deadline
        Bounds every request; each invocation sets it.
    try_seconds
        How long one try takes at most: to connect, and to wait for an answer.
    milliseconds
        How long the API took for the last request, whatever came of it; 0 where it was not asked.
    pace
        Called before every request about a queue entry: waits for its turn.
    """

    def __init__(
        self, settings: ApiSettings, make_retry: Callable[[Deadline, float], PatientRetry], secrets: Secrets
    ) -> None:
        self._settings = settings
        self.deadline = Deadline()
        self.milliseconds = 0.0
        self.pace: Callable[[], None] = lambda: None
        self._last_used = 0.0
        self.try_seconds = settings.connect_timeout_seconds + settings.read_timeout_seconds
        self._session = open_session(settings.base_url, make_retry(self.deadline, self.try_seconds))
        self._session.headers.update(settings.headers)
        # With each request and not on the session, where an environment variable (REQUESTS_CA_BUNDLE) goes before it.
        self._verify = _ca_bundle(settings.ca_bundle_secret_arn, secrets) if settings.ca_bundle_secret_arn else True
        self._auth: ApiAuth = api_auth(settings, secrets, self._session, self.deadline, self._verify)

    def url(self, path: str) -> str:
        """Give the URL of a path of the API; a path's own query is kept."""
        return self._settings.base_url.rstrip("/") + path

    def same_origin_url(self, url: str, base: str) -> str:
        """Give the URL of a next page as it is asked; see :func:`redrive.origins.on_own_origin`."""
        return on_own_origin(url, base, self._settings.base_url)

    def get(self, url: str, params: Sequence[tuple[str, str]]) -> ListAnswer:
        """Read one page of a list; a parameter may come more than once.

        Returns
        -------
        ListAnswer
            2xx, or a 4xx that no later try would change.

        Raises
        ------
        ApiUnavailable, CredentialsRefused
            See :meth:`_send`.
        """
        what = f"GET {urlsplit(url).path}"  # without the query: it may hold what belongs in no log
        # Spaces as %20, not as +: a signature (SigV4) is over that form.
        answer, body = self._send(what, "GET", url, params=urlencode(params, quote_via=quote), most=MAX_LIST_BYTES + 1)
        if len(body) > MAX_LIST_BYTES:
            raise ListingError(f"{what}: the answer is larger than {MAX_LIST_BYTES:,} bytes; ask for smaller pages")
        milliseconds = answer.elapsed.total_seconds() * 1000
        return ListAnswer(answer.status_code, answer.url, answer.headers, body, milliseconds)

    def requeue(self, claim: Claim, settings: RequeueSettings) -> Answer:
        """Send one communication back: one request with its queue entry, under the key of the claim's attempt.

        Raises
        ------
        ApiUnavailable, CredentialsRefused
            See :meth:`_send`.
        """
        communication, body = claim.communication, claim.body
        entry = QueueEntry.made(communication.primary_id, body.operation, body.created_by, body.created)
        template = settings.source_paths.get(communication.source, settings.path)
        # Alike ids of two spaces are two communications, also for an application that keeps all keys in one place.
        space = f"@{communication.id_space}" if communication.id_space else ""
        key = idempotency_key(f"{body.operation}{space}", communication.primary_id, claim.number)
        return self.call(settings.method, template, entry, key, accepted=settings.accepted)

    def call(
        self,
        method: str,
        template: str,
        entry: QueueEntry,
        key: str,
        more: Mapping[str, str | int] | None = None,
        *,
        accepted: str | None = None,
    ) -> Answer:
        """Make one request about a queue entry, which is its body.

        Parameters
        ----------
        template
            The path, with ``{primaryId}`` and ``{operation}`` where those go.
        key
            ``Idempotency-Key``: the same one says that it is the same request again.
        more
            Further keys of the body.
        accepted
            JMESPath: what must hold of the JSON of a 2xx for it to be believed.

        Returns
        -------
        Answer
            2xx, 409, or a 4xx that no later try would change.

        Raises
        ------
        ApiUnavailable, CredentialsRefused
            See :meth:`_send`. A 2xx with an HTML page is no answer either.
        """
        what = f"{method} {template}"  # without the ids: it stands in errors that are counted by their text
        answer, body = self._send(
            what,
            method,
            self.url(entry.path(template)),
            entry={**entry.to_json(), **(more or {})},
            headers={"Idempotency-Key": key},
            most=MAX_ANSWER_BYTES,
        )
        status = answer.status_code
        if answer.ok and is_page(body, answer.headers.get("Content-Type", "")):
            # A sign-in or maintenance page in front of the API: nothing says that the application saw the request.
            raise ApiUnavailable(f"{what}: HTTP {status} with a page instead of an answer", status)
        if answer.ok and accepted and not _holds(accepted, body):
            return Answer(status, accepted=False, error=f"HTTP {status}, but requeue.accepted does not hold")
        return Answer(status, answer.ok, None if answer.ok else in_full(status), _retry_after(answer))

    def _send(
        self,
        what: str,
        method: str,
        url: str,
        *,
        params: str | None = None,
        entry: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        most: int,
    ) -> tuple[requests.Response, bytes]:
        """Send a request; on a 401 or 403 once more with credentials fetched anew, for they may have been rotated.

        Parameters
        ----------
        what
            The request as errors call it.
        most
            Bytes of the body to read.

        Returns
        -------
        requests.Response
            A 2xx answer, or a 4xx that no later try would change.
        bytes
            Its body.

        Raises
        ------
        ApiUnavailable
            No answer, or one that asks to come back: 408, 425, 429, 5xx. Also a redirect, which is not followed: it
            would carry the credentials elsewhere, and turn a POST into a GET.
        CredentialsRefused
            401 with fresh credentials; 403 of a list.
        """
        if clock.now() - self._last_used > IDLE_SECONDS:
            self._session.close()  # it opens others
        self.milliseconds, started = 0.0, time.perf_counter()
        for is_last_try in (False, True):
            remaining = self.deadline.remaining()
            if remaining < LEAST_SECONDS:
                raise ApiUnavailable(f"{what}: no time left to ask")
            connect, read = self._settings.connect_timeout_seconds, self._settings.read_timeout_seconds
            if entry is not None:
                self.pace()
            try:
                answer = self._session.request(
                    method,
                    url,
                    params=params,
                    json=entry,
                    headers=headers,
                    auth=self._auth,
                    verify=self._verify,
                    timeout=(min(connect, remaining), min(read, remaining)),
                    allow_redirects=False,
                    stream=True,
                )
                body, is_whole = beginning(answer, most, self.deadline, ANSWER_SECONDS)
                if not (is_whole or entry):  # of a call the status says it, of a list the body
                    raise requests.ReadTimeout
            except requests.RequestException as error:
                raise ApiUnavailable(f"{what}: {in_words(error)}") from None
            finally:
                self._last_used = clock.now()
                self.milliseconds = (time.perf_counter() - started) * 1000
            is_refused = answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            if not is_refused or "Retry-After" in answer.headers or is_last_try or not self._auth.renew():
                break
        status = answer.status_code
        if status == HTTPStatus.UNAUTHORIZED or (status == HTTPStatus.FORBIDDEN and entry is None):
            raise CredentialsRefused(f"{what}: {in_full(status)}", status)
        if status < 200 or 300 <= status < 400 or status in TRANSIENT or status >= 500:
            raise ApiUnavailable(f"{what}: {in_full(status)}", status, _retry_after(answer))
        return answer, body


def in_full(status: int) -> str:
    """Give a status with its phrase: ``HTTP 422 Unprocessable Content``."""
    try:
        return f"HTTP {status} {PHRASES.get(status) or HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def is_page(body: bytes, content_type: str) -> bool:
    """Tell whether a 2xx is a page for people, which says nothing of whether the application saw the request.

    Nothing at all, JSON and plain text are answers, whatever they are called; markup is none, and text/html that is not
    JSON is none either.
    """
    text = body.decode("utf-16" if body[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig", "replace")
    text = text.strip()
    if not text:
        return False
    if text.startswith("<"):
        return True
    return "html" in content_type.lower() and not _is_json(text)


def _holds(expression: str, body: bytes) -> bool:
    """Tell whether an expression gives something true of a JSON body, as JMESPath has it."""
    from redrive.expressions import search  # most have no such expression, and do not pay for JMESPath

    try:
        found = search(expression, json.loads(body), "requeue.accepted")
    except (ValueError, RecursionError, ListingError):
        return False
    return found is not None and found is not False and found not in ("", [], {})


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _retry_after(answer: requests.Response) -> float | None:
    """Read ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date); one that makes no sense counts as none."""
    text = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - clock.now())
    except (ValueError, TypeError, OverflowError):
        return None


def _ca_bundle(arn: str, secrets: Secrets) -> str:
    """Write the certificates where requests can read them: it takes a file only."""
    certificates = secrets.text(arn)
    try:
        ssl.create_default_context(cadata=certificates)
    except (ssl.SSLError, ValueError):
        raise ConfigurationError(f"secret {arn}: must hold certificates in PEM; api.ca_bundle_secret_arn") from None
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(certificates)
    return file.name
