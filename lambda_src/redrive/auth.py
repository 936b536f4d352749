"""The six ways to show the API who is calling, as requests knows them: objects that sign a request."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import requests
from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from redrive import clock
from redrive.answers import in_full, json_of, retry_after
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused
from redrive.secrets import Secrets, is_header_safe
from redrive.settings import ApiSettings, AuthSettings, AuthType, ClientIn
from redrive.transport import Deadline, beginning, no_retry, open_session
from redrive.trouble import in_words

if TYPE_CHECKING:
    from botocore.credentials import Credentials

TOKEN_MARGIN_SECONDS = 60.0
"""A token is renewed this long before it ends, so that it does not end on its way."""

DEFAULT_LIFETIME_SECONDS = 300.0
"""Of a token whose endpoint does not say it, or says what cannot be."""

LONGEST_LIFETIME_SECONDS = 86400.0
"""A token is not kept for longer, whatever its endpoint says."""

MAX_TOKEN_BYTES = 65536
"""Of a token endpoint's answer; a token is a header, of which servers take some kilobytes."""

TOKEN_SECONDS = 10.0
"""How long a token endpoint is waited for: until its answer begins, and from then until it ends."""

REFUSED = frozenset({400, 401, 403})
"""What a token endpoint says to wrong credentials (RFC 6749, 5.2), or some say instead."""

ELSEWHERE = frozenset({301, 302, 303, 307, 308, 404, 405, 410})
"""What is said where there is no token endpoint."""

LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
"""Errors that pass, which some give with one of these (RFC 6749, 4.1.2.1; RFC 8628, 3.5)."""

OF_OTHER_TYPES = frozenset({"dpop", "mac", "pop"})
"""Tokens that are worth nothing by themselves (RFC 9449; RFC 6749, 7.1). Of bearer tokens some write other types."""

SETTING_OF_ERROR = {
    "invalid_client": "api.auth.secret_arn, or api.auth.client_in",
    "invalid_request": "api.auth.client_in, or api.auth.audience",
    "invalid_scope": "api.auth.scope",
    "invalid_target": "api.auth.audience",
    "unauthorized_client": "the client's registration",
    "unsupported_grant_type": "api.auth.token_url",
}
"""By a token endpoint's error (RFC 6749, 5.2; RFC 8707, 2), what to look at."""


SECRET_FIELDS: dict[AuthType, tuple[str, ...]] = {
    AuthType.BEARER: ("token",),
    AuthType.API_KEY: ("api_key",),
    AuthType.BASIC: ("username", "password"),
    AuthType.OAUTH2_CLIENT_CREDENTIALS: ("client_id", "client_secret"),
}
"""What the secret of each type holds."""


class ApiAuth(AuthBase, ABC):
    """Signs requests; :meth:`renew` is called once after a 401 or 403."""

    @abstractmethod
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the credentials into a request that is complete otherwise."""

    def renew(self, *, only_if_changed: bool = False) -> bool:  # noqa: ARG002 (those who can do)
        """Read the credentials anew; tell whether there are others now, or such as may be tried once more.

        Parameters
        ----------
        only_if_changed
            What was read before is not worth another try.
        """
        return False


class NoAuth(ApiAuth):
    """For an API that knows its callers by their network."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Leave the request as it is."""
        return request


class SecretAuth(ApiAuth):
    """Credentials that stand in a secret: bearer token, API key, or user name and password.

    Parameters
    ----------
    names
        The fields that the secret must have.
    sign
        Puts their values into a request's headers.
    """

    def __init__(
        self, secrets: Secrets, arn: str, names: tuple[str, ...], sign: Callable[..., AuthBase | None]
    ) -> None:
        self._secrets = secrets
        self._arn = arn
        self._names = names
        self._sign = sign

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the secret's values into the request."""
        self._sign(request, *self._secrets.fields(self._arn, self._names))
        return request

    def renew(self, *, only_if_changed: bool = False) -> bool:
        """Read the secret anew: it may have been rotated."""
        before = self._secrets.fields(self._arn, self._names) if only_if_changed else None
        return self._secrets.fields(self._arn, self._names, fresh=True) != before


class ClientCredentialsAuth(ApiAuth):
    """OAuth 2.0 client credentials (RFC 6749, 4.4): a token per sandbox, kept until shortly before it ends."""

    def __init__(
        self,
        settings: AuthSettings,
        secrets: Secrets,
        deadline: Deadline,
        verify: str | bool,
    ) -> None:
        self._url = _required(settings.token_url, "token_url", settings.type)
        self._secret_arn = _required(settings.secret_arn, "secret_arn", settings.type)
        self._form = {"grant_type": "client_credentials"}
        self._form |= {"scope": settings.scope} if settings.scope else {}
        self._form |= {"audience": settings.audience} if settings.audience else {}
        self._client_in = settings.client_in
        self._secrets = secrets
        self._deadline = deadline
        self._verify = verify
        self._token = ""
        self._valid_until = 0.0
        # A session of its own: the API's headers, cookies and retries are no business of the token endpoint's.
        try:
            self._session = open_session(self._url, deadline, no_retry(deadline, TOKEN_SECONDS), TOKEN_SECONDS)
        except ValueError:
            raise ConfigurationError("api.auth.token_url: invalid or ambiguous URL") from None

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Put the token into the request; fetch one where none is valid."""
        if time.monotonic() >= self._valid_until:
            try:
                self._fetch_token(fresh_secret=False)
            except CredentialsRefused:
                if not self._has_rotated():
                    raise
                self._fetch_token(fresh_secret=False)
        _sign_bearer(request, self._token)
        return request

    def renew(self, *, only_if_changed: bool = False) -> bool:
        """Read the client's secret anew and fetch another token."""
        if only_if_changed and not self._has_rotated():
            return False
        self._fetch_token(fresh_secret=not only_if_changed)
        return True

    def _has_rotated(self) -> bool:
        before = self._client()
        return self._client(fresh=True) != before

    def _client(self, *, fresh: bool = False) -> tuple[str, ...]:
        return self._secrets.fields(self._secret_arn, SECRET_FIELDS[AuthType.OAUTH2_CLIENT_CREDENTIALS], fresh=fresh)

    def _fetch_token(self, *, fresh_secret: bool) -> None:
        status, body, asked = self._ask(self._client(fresh=fresh_secret))
        given = json_of(body)
        error = str(given.get("error")) if isinstance(given, dict) else ""
        is_refused = status in REFUSED and error not in LATER
        if asked is None and (is_refused or (status < 300 and error in SETTING_OF_ERROR)):
            setting = SETTING_OF_ERROR.get(error)  # of another error nothing is shown: nobody knows what it holds
            more = f", {error}: see {setting}" if setting else ""
            raise CredentialsRefused(f"token endpoint: HTTP {status} for the client's credentials{more}")
        if not 200 <= status < 300:
            more = "; see api.auth.token_url" if status in ELSEWHERE else ""
            raise ApiUnavailable(f"token endpoint: {in_full(status)}{more}", retry_after=asked)
        token = given.get("access_token") if isinstance(given, dict) else None
        if not is_header_safe(token):
            raise ApiUnavailable("token endpoint: the answer holds no usable access_token")
        if str(given.get("token_type")).lower() in OF_OTHER_TYPES:
            raise ConfigurationError(
                "api.auth.token_url: gives tokens that must be signed with, and are no bearer tokens"
            )
        self._token = token
        self._valid_until = time.monotonic() + max(0.0, _lifetime(given.get("expires_in")) - TOKEN_MARGIN_SECONDS)

    def _ask(self, client: tuple[str, ...]) -> tuple[int, bytes, float | None]:
        """Ask for a token; give the answer's status and body, and for how long the endpoint asks to be left alone."""
        in_body = dict(zip(("client_id", "client_secret"), client, strict=True))
        try:
            answer = self._session.post(
                self._url,
                data=self._form | (in_body if self._client_in is ClientIn.BODY else {}),
                # By HTTP Basic, which every server must take, each form-encoded before (RFC 6749, 2.3.1). Never None,
                # or requests would look for credentials in a .netrc file.
                auth=HTTPBasicAuth(*map(quote_plus, client)) if self._client_in is ClientIn.HEADER else NoAuth(),
                timeout=max(0.1, min(TOKEN_SECONDS, self._deadline.remaining())),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            )
            body, is_whole = beginning(answer, MAX_TOKEN_BYTES + 1)
        except requests.RequestException as error:
            raise ApiUnavailable(f"token endpoint: {in_words(error)}") from None
        if not is_whole:
            raise ApiUnavailable("token endpoint: the answer did not finish in time")
        if len(body) > MAX_TOKEN_BYTES:
            raise ApiUnavailable(f"token endpoint: the answer is larger than {MAX_TOKEN_BYTES:,} bytes")
        return answer.status_code, body, retry_after(answer.status_code, answer.headers, clock.now())


def _lifetime(value: object) -> float:
    """Read ``expires_in`` in seconds: a number, or a text that is one; a default for whatever cannot be."""
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return DEFAULT_LIFETIME_SECONDS
    is_sane = seconds > 0 and not isinstance(value, bool)  # also of a NaN, which is not above 0
    return min(seconds, LONGEST_LIFETIME_SECONDS) if is_sane else DEFAULT_LIFETIME_SECONDS


class SigV4Auth(ApiAuth):
    """AWS Signature Version 4 with the function's own role, for an API Gateway or a function URL with IAM."""

    def __init__(self, settings: AuthSettings) -> None:
        import botocore.session

        session = botocore.session.get_session()
        self._credentials: Credentials | None = session.get_credentials()
        self._service = settings.service
        self._region = settings.region or session.get_config_variable("region")

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign the request as it is: method, URL, headers and body."""
        from botocore.auth import SigV4Auth as Signer
        from botocore.awsrequest import AWSRequest

        if self._credentials is None:
            raise ConfigurationError("api.auth.type aws_iam: the function has no AWS credentials")
        # Only what nobody on the way changes is signed.
        signed_headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("accept", "accept-encoding", "connection", "content-length", "user-agent")
        }
        signed = AWSRequest(request.method, request.url, headers=signed_headers, data=request.body)
        Signer(self._credentials.get_frozen_credentials(), self._service, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


def api_auth(api: ApiSettings, secrets: Secrets, deadline: Deadline, verify: str | bool) -> ApiAuth:
    """Make the object that signs requests as ``api.auth`` says.

    Parameters
    ----------
    deadline, verify
        Of the API, for the calls of a token endpoint.

    Raises
    ------
    ConfigurationError
        Where the type needs a field of ``api.auth`` that is not set.
    """
    settings = api.auth
    match settings.type:
        case AuthType.NONE:
            return NoAuth()
        case AuthType.AWS_IAM:
            return SigV4Auth(settings)
        case AuthType.OAUTH2_CLIENT_CREDENTIALS:
            return ClientCredentialsAuth(settings, secrets, deadline, verify)
    arn = _required(settings.secret_arn, "secret_arn", settings.type)
    sign: dict[AuthType, Callable[..., None]] = {
        AuthType.BEARER: _sign_bearer,
        AuthType.API_KEY: _sign_header(settings.header),
        AuthType.BASIC: _sign_basic,
    }
    return SecretAuth(secrets, arn, SECRET_FIELDS[settings.type], sign[settings.type])


def _required(value: str | None, field: str, auth_type: AuthType) -> str:
    if not value:
        raise ConfigurationError(f"api.auth.{field}: missing; api.auth.type {auth_type} needs it")
    return value


def _sign_bearer(request: PreparedRequest, token: str) -> None:
    # Some keep the whole header in their secret; a token has no blanks (RFC 6750, 2.1).
    request.headers["Authorization"] = f"Bearer {re.sub('^bearer +', '', token, flags=re.IGNORECASE)}"


def _sign_header(header: str) -> Callable[[PreparedRequest, str], None]:
    def sign(request: PreparedRequest, key: str) -> None:
        request.headers[header] = key

    return sign


def _sign_basic(request: PreparedRequest, username: str, password: str) -> None:
    # As bytes: requests would encode texts as Latin-1, the standard's default is UTF-8 by now (RFC 7617, 2.1).
    HTTPBasicAuth(username.encode(), password.encode())(request)
