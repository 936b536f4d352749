"""The application's API: reading a list, and calls that may be repeated under their idempotency key."""

from __future__ import annotations

import ssl
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit

import requests
from urllib3.util.retry import Retry

from redrive import clock, memory, origins
from redrive.answers import expect_expression, holds, in_full, is_page, retry_after
from redrive.auth import ApiAuth, api_auth
from redrive.entries import QueueEntry
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused, ListingError
from redrive.ledger_rules import Claim
from redrive.models import idempotency_key
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, RequeueSettings
from redrive.transport import Deadline, beginning, open_session
from redrive.trouble import in_words
from redrive.verdicts import ABOUT_THE_ENTITY

TRANSIENT = frozenset({408, 425, 429})
"""Client errors that a later try may not meet: request timeout, too early, too many requests (RFC 9110, 8470, 6585)."""

LEAST_SECONDS = 0.5
"""With less than this left no request is begun."""

MAX_LIST_BYTES = 16 * 1024 * 1024
"""Of one page of a list, decoded."""

BODY_SECONDS = 60.0
"""How long a body may take from its first byte to its last: one that drips must not take the time of the others."""

MAX_ANSWER_BYTES = 65536
"""Read of an answer that is judged by its status; what is shorter leaves its connection to the next request."""

MAX_JUDGED_BYTES = 1024 * 1024
"""Read of an answer of which ``requeue.accepted`` must hold: of a part of it nothing can be told."""

SECONDS_BELIEVED = 60.0
"""So long after a request was accepted, a 401 may be about the next communication rather than about the credentials."""

IDLE_SECONDS = 30.0
"""Connections unused for longer are opened anew: the other end may have closed them while the sandbox was frozen."""


class ListAnswer(NamedTuple):
    """One answer to a request for a list: status, URL asked for, headers, body, and how long it took."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    milliseconds: float


class Answer(NamedTuple):
    """What the API said to a call about a queue entry.

    Attributes
    ----------
    accepted
        Whether it is a 2xx that is believed.
    error
        Why not, in words that many communications share: never content, ids or secrets. None where it is accepted.
    retry_after
        Seconds that the API asked to wait, None where it named none; see :func:`redrive.answers.retry_after`.
    says_no
        Whether it is a 2xx that says in its body that it was not accepted.
    """

    status: int
    accepted: bool
    error: str | None = None
    retry_after: float | None = None
    says_no: bool = False


class Api:
    """The application's API, over one pooled session with one set of credentials.

    Parameters
    ----------
    settings
        ``api`` of the module.
    make_retry
        Makes the session's policy, from its deadline and from how many seconds a try takes until its answer begins.
    secrets
        Where credentials and the CA bundle are read.

    Attributes
    ----------
    deadline
        Bounds every request; each invocation sets it.
    try_seconds
        How long one try takes at most until its answer begins: to connect, and to wait.
    milliseconds
        How long the API took for the last request, whatever came of it; 0 where it was not asked.
    pace
        Called before every request about a queue entry: waits for its turn.
    """

    def __init__(self, settings: ApiSettings, make_retry: Callable[[Deadline, float], Retry], secrets: Secrets) -> None:
        self._settings = settings
        self.deadline = secrets.deadline = Deadline()
        self.milliseconds = 0.0
        self.pace: Callable[[], None] = lambda: None
        self._last_used = 0.0
        self._accepted = 0.0
        self.try_seconds = settings.connect_timeout_seconds + settings.read_timeout_seconds
        retry = make_retry(self.deadline, self.try_seconds)
        try:
            self._session = open_session(settings.base_url, self.deadline, retry, BODY_SECONDS)
        except ValueError:
            raise ConfigurationError("api.base_url: invalid or ambiguous URL") from None
        self._session.headers.update(settings.headers)
        # With each request and not on the session, where an environment variable (REQUESTS_CA_BUNDLE) goes before it.
        self._verify = _ca_bundle(settings.ca_bundle_secret_arn, secrets) if settings.ca_bundle_secret_arn else True
        self._auth: ApiAuth = api_auth(settings, secrets, self.deadline, self._verify)

    def url(self, path: str) -> str:
        """Give the URL of a path of the API; a path's own query is kept."""
        return self._settings.base_url.rstrip("/") + path

    def same_origin_url(self, url: str, base: str) -> str:
        """Give the URL of a next page as it is asked; see :func:`redrive.origins.on_own_origin`."""
        return origins.on_own_origin(url, base, self._settings.base_url)

    def get(self, url: str, params: Sequence[tuple[str, str]]) -> ListAnswer:
        """Read one page of a list; a parameter may come more than once.

        Returns
        -------
        ListAnswer
            2xx, or a 4xx that no later try would change.

        Raises
        ------
        ApiUnavailable
            See :meth:`_send`; also a body that does not finish in time, and a 403 that says when to come back.
        CredentialsRefused
            401, or 403, with fresh credentials.
        ListingError
            A body of more than ``MAX_LIST_BYTES``, unpacked, or of more values than the function has memory for.
        """
        try:
            what = f"GET {urlsplit(url).path}"  # without the query: it may hold what belongs in no log
        except ValueError:
            raise ListingError("the list's URL is invalid") from None
        # Spaces as %20, not as +: a signature (SigV4) is over that form.
        query = urlencode(params, quote_via=quote)
        try:
            got = self._send(what, "GET", url, params=query, most=MAX_LIST_BYTES + 1)
        except ApiUnavailable as error:
            if not error.is_cut_off:
                raise
            # Once more: the session's policy sees only to what goes wrong before a body begins.
            got = self._send(what, "GET", url, params=query, most=MAX_LIST_BYTES + 1)
        if got.status == HTTPStatus.FORBIDDEN:
            if got.retry_after is not None:
                raise ApiUnavailable(f"{what}: {in_full(got.status)}", got.status, got.retry_after)
            raise CredentialsRefused(f"{what}: {in_full(got.status)}", got.status)
        if len(got.body) > MAX_LIST_BYTES:
            raise ListingError(f"{what}: the answer is larger than {MAX_LIST_BYTES:,} bytes; ask for smaller pages")
        if not got.is_whole:
            raise ApiUnavailable(f"{what}: HTTP {got.status} did not finish in time", got.status)
        if not memory.fits(got.body):
            raise ListingError(
                f"{what}: the answer ({len(got.body):,} bytes) holds more than the function has memory for; ask for "
                "smaller pages, or raise lambda.memory_mb.list_failed"
            )
        return ListAnswer(got.status, got.url, got.headers, got.body, self.milliseconds)

    def methods(self, path: str) -> tuple[int, frozenset[str]]:
        """Ask by ``OPTIONS``, which changes nothing, what methods a path takes; give the status and what it names.

        Raises
        ------
        ApiUnavailable, CredentialsRefused
            See :meth:`_send`.
        """
        got = self._send(f"OPTIONS {path}", "OPTIONS", self.url(path), most=MAX_ANSWER_BYTES)
        named = got.headers.get("Allow") or got.headers.get("Access-Control-Allow-Methods") or ""
        return got.status, frozenset(word.strip().upper() for word in named.split(",") if word.strip())

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
            2xx, or a 4xx that no later try would change; 403 with fresh credentials is one. So is a 401 right after
            one that was accepted with these credentials: it is about the communication.

        Raises
        ------
        ApiUnavailable
            See :meth:`_send`. A 2xx with a page is no answer either, nor is a 4xx about the communication that is a
            page, or that says when to come back.
        CredentialsRefused
            401 with fresh credentials.
        ConfigurationError
            ``accepted`` is not JMESPath; nothing was sent.
        """
        what = f"{method} {template}"  # without the ids: it stands in errors that are counted by their text
        if accepted:
            expect_expression(accepted)
        got = self._send(
            what,
            method,
            self.url(entry.path(template)),
            entry={**entry.to_json(), **(more or {})},
            headers={"Idempotency-Key": key},
            most=MAX_JUDGED_BYTES if accepted else MAX_ANSWER_BYTES,
        )
        content_type = got.headers.get("Content-Type", "")
        if got.status in ABOUT_THE_ENTITY and (got.retry_after is not None or is_page(got.body, content_type)):
            # A gateway's, or one that holds for a while: it condemns no communication.
            why = "with a page instead of an answer" if got.retry_after is None else "for a while"
            raise ApiUnavailable(f"{what}: {in_full(got.status)}, {why}", None, got.retry_after)
        if got.status == HTTPStatus.UNAUTHORIZED:
            if clock.now() - self._accepted > SECONDS_BELIEVED:
                raise CredentialsRefused(f"{what}: {in_full(got.status)}", got.status)
            self._accepted = 0.0  # the next one is not believed to be about the communication
        if got.status >= HTTPStatus.MULTIPLE_CHOICES:
            return Answer(got.status, accepted=False, error=in_full(got.status), retry_after=got.retry_after)
        if is_page(got.body, content_type):
            # A sign-in or maintenance page in front of the API: nothing says that the application saw the request.
            raise ApiUnavailable(f"{what}: HTTP {got.status} with a page instead of an answer", got.status)
        if accepted and not got.is_whole:
            raise ApiUnavailable(f"{what}: HTTP {got.status} did not finish in time", got.status)
        if accepted and not (found := holds(accepted, got.body, content_type)):
            error = f"HTTP {got.status}, but requeue.accepted does not hold"
            return Answer(got.status, accepted=False, error=error, retry_after=got.retry_after, says_no=found is False)
        self._accepted = clock.now()
        return Answer(got.status, accepted=True)

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
    ) -> _Got:
        """Send a request; on a 401 or 403 once more with credentials fetched anew, for they may have been rotated.

        Parameters
        ----------
        what
            The request as errors call it.
        most
            Bytes of the body to read, decoded.

        Returns
        -------
        _Got
            A 2xx, or a 4xx that no later try would change.

        Raises
        ------
        ApiUnavailable
            No answer, or one that asks to come back: 408, 425, 429, 5xx. Also a redirect, which is not followed: it
            would carry the credentials elsewhere, and turn a POST into a GET.
        CredentialsRefused
            401 with fresh credentials; to a request about a queue entry it is an answer, which :meth:`call` judges.
        """
        if clock.now() - self._last_used > IDLE_SECONDS:
            self._session.close()  # it opens others
        self.milliseconds = 0.0
        asked = (method, url, headers or {}, params, entry)
        got = self._send_once(what, *asked, most=most)
        if self._renew(got):
            got = self._send_once(what, *asked, most=most)
        status = got.status
        if status == HTTPStatus.UNAUTHORIZED and entry is None:
            raise CredentialsRefused(f"{what}: {in_full(status)}", status)
        if 300 <= status < 400:
            raise ApiUnavailable(
                f"{what}: {in_full(status)}, which is not followed{_where_to(got)}", status, got.retry_after
            )
        if status < 200 or status in TRANSIENT or status >= 500:
            raise ApiUnavailable(f"{what}: {in_full(status)}", status, got.retry_after)
        return got

    def _renew(self, got: _Got) -> bool:
        """Fetch the credentials anew where they may be the reason for an answer; tell whether to ask once more.

        A 403 may be about one communication: then credentials that are the same would be refused the same. And one
        that says when to come back is about too many requests.
        """
        if got.status == HTTPStatus.FORBIDDEN and got.retry_after is None:
            return self._auth.renew(only_if_changed=True)
        return got.status == HTTPStatus.UNAUTHORIZED and self._auth.renew()

    def _send_once(
        self,
        what: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        params: str | None,
        entry: Mapping[str, str | int] | None,
        *,
        most: int,
    ) -> _Got:
        self._expect_time(what)
        try:
            prepared = self._session.prepared(method, url, headers, params, entry, self._auth)
        except (requests.RequestException, ValueError):
            raise ApiUnavailable(f"{what}: not sent: its URL is invalid") from None
        if entry is not None:
            self.pace()
        remaining = self._expect_time(what)
        connect, read = self._settings.connect_timeout_seconds, self._settings.read_timeout_seconds
        started = time.perf_counter()
        try:
            timeout = (min(connect, remaining), min(read, remaining))
            answer = self._session.sent(prepared, timeout, self._verify)
            body, is_whole = beginning(answer, most)
        except requests.RequestException as error:
            trouble = ApiUnavailable(f"{what}: {in_words(error)}")
            trouble.is_cut_off = isinstance(error, requests.exceptions.ChunkedEncodingError)
            raise trouble from None
        finally:
            self._last_used = clock.now()
            self.milliseconds += (time.perf_counter() - started) * 1000
        status = answer.status_code
        asked = retry_after(status, answer.headers, self._last_used)
        return _Got(status, answer.url, answer.headers, body, is_whole, asked)

    def _expect_time(self, what: str) -> float:
        remaining = self.deadline.remaining()
        if remaining < LEAST_SECONDS:
            raise ApiUnavailable(f"{what}: no time left to ask")
        return remaining


class _Got(NamedTuple):
    """What came back: as much of the body as was asked for, and whether that much came in time."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool
    retry_after: float | None


def _where_to(got: _Got) -> str:
    """Say that a redirect leads to another origin, or to the same path with a slash at its end, or without one."""
    try:
        url = urljoin(got.url, got.headers.get("Location", ""))
        theirs, there, here = origins.origin(url), urlsplit(url).path, urlsplit(got.url).path
    except ValueError:
        return ""
    if theirs != origins.origin(got.url):
        return f"; it leads to {origins.in_words(theirs)}: if that is the same application, set api.base_url to it"
    if there == here or there.rstrip("/") != here.rstrip("/"):
        return ""
    return f"; write the path with{'' if there.endswith('/') else 'out'} a slash at its end"


def _ca_bundle(arn: str, secrets: Secrets) -> str:
    """Write the certificates where requests can read them: it takes a file only."""
    certificates = secrets.text(arn)
    try:
        ssl.create_default_context(cadata=certificates)
    except (ssl.SSLError, ValueError):
        raise ConfigurationError(
            f"{secrets.named(arn)}: must hold certificates in PEM; api.ca_bundle_secret_arn"
        ) from None
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(certificates)
    return file.name
