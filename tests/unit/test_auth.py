"""The six ways to authenticate, on a server that checks; secrets come from Secrets Manager and stay there."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from mypy_boto3_secretsmanager import SecretsManagerClient
from werkzeug.wrappers import Request, Response

from redrive import secrets
from redrive.api import Answer, Api
from redrive.errors import ApiUnavailable, ConfigurationError, CredentialsRefused
from redrive.models import Communication
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, AuthSettings, AuthType, ClientIn, RequeueSettings
from redrive.transport import no_retry
from tests.unit.support import ScriptedApi, as_json, second_attempt

CLAIM = second_attempt(Communication("123455", "send.email", "email"))
REQUEUE = RequeueSettings(path="/requeue")
USERNAME, PASSWORD = "redrive", "pässword:with colon"


@pytest.fixture
def secrets_manager(aws: None) -> SecretsManagerClient:
    return boto3.client("secretsmanager")


@pytest.fixture
def secret(secrets_manager: SecretsManagerClient) -> Callable[[Any], str]:
    def create(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return secrets_manager.create_secret(Name=f"secret-{abs(hash(text))}", SecretString=text)["ARN"]

    return create


def requeue(api: ScriptedApi, caller: Api | None = None, **auth: Any) -> bool:
    return (caller or client(api, **auth)).requeue(CLAIM, REQUEUE).accepted


def client(api: ScriptedApi, **auth: Any) -> Api:
    return patient(ApiSettings(base_url=api.url, auth=AuthSettings(**auth)))


def patient(settings: ApiSettings, secrets: Secrets | None = None) -> Api:
    made = Api(settings, no_retry, secrets or Secrets())
    made.deadline.set(60)
    return made


def test_no_auth_sends_no_credentials(api: ScriptedApi) -> None:
    api.answers(as_json({}))
    requeue(api)
    assert "Authorization" not in api.requests[0].headers


@pytest.mark.parametrize(
    "value",
    [
        "s3cret",
        {"token": "s3cret"},
        "s3cret\n",
        {"token": " s3cret\n"},
        '"s3cret"',
        "Bearer s3cret",
        {"token": "bearer  s3cret"},
    ],
)
def test_a_bearer_token_is_a_text_or_a_field(api: ScriptedApi, secret: Callable[[Any], str], value: Any) -> None:
    api.answers(as_json({}))
    requeue(api, type=AuthType.BEARER, secret_arn=secret(value))
    assert api.requests[0].headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("key", ["k3y", "[k3y", '"k3y', "12345", "true", "Bearer k3y"])
def test_an_api_key_may_be_any_text(api: ScriptedApi, secret: Callable[[Any], str], key: str) -> None:
    api.answers(as_json({}))
    requeue(api, type=AuthType.API_KEY, secret_arn=secret(key))
    assert api.requests[0].headers["X-Api-Key"] == key


def test_an_api_key_goes_into_the_header_of_its_name(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answers(as_json({}))
    arn = secret({"api_key": "k3y"})
    requeue(api, type=AuthType.API_KEY, secret_arn=arn)
    requeue(api, type=AuthType.API_KEY, secret_arn=arn, header="X-Token")
    assert api.requests[0].headers["X-Api-Key"] == "k3y"
    assert api.requests[1].headers["X-Token"] == "k3y"


def test_basic_credentials_are_sent_as_utf_8(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answers(as_json({}))
    requeue(api, type=AuthType.BASIC, secret_arn=secret({"username": USERNAME, "password": PASSWORD}))
    scheme, value = api.requests[0].headers["Authorization"].split()
    assert scheme == "Basic"
    assert base64.b64decode(value).decode() == f"{USERNAME}:{PASSWORD}"


class TokenServer:
    """An OAuth 2.0 token endpoint and the API that takes its tokens, on one origin."""

    def __init__(self, lifetime: Any = 3600) -> None:
        self.lifetime = lifetime
        self.issued = 0
        self.valid_from = 1
        self.forms: list[dict[str, str]] = []

    def __call__(self, request: Request) -> Response:
        if request.path == "/oauth/token":
            basic, form = request.authorization, request.form
            client = (basic.username, basic.password) if basic else (form.get("client_id"), form.get("client_secret"))
            if client != ("redrive", "s3cret"):
                return as_json({"error": "invalid_client"}, status=401)
            self.issued += 1
            self.forms.append(request.form.to_dict())
            return as_json({"access_token": f"token-{self.issued}", "expires_in": self.lifetime})
        number = int(request.headers["Authorization"].removeprefix("Bearer token-"))
        return as_json({}, status=202 if number >= self.valid_from else 401)


def oauth(api: ScriptedApi, arn: str, secrets: Secrets | None = None, **changes: Any) -> Api:
    auth = {"type": AuthType.OAUTH2_CLIENT_CREDENTIALS, "secret_arn": arn, "token_url": f"{api.url}/oauth/token"}
    return patient(ApiSettings(base_url=api.url, auth=AuthSettings(**(auth | changes))), secrets)


CLIENT = {"client_id": "redrive", "client_secret": "s3cret"}


def test_a_token_is_fetched_once_and_kept(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answer = server = TokenServer()
    caller = oauth(api, secret(CLIENT), scope="communications.requeue")
    assert [requeue(api, caller) for _ in range(3)] == [True] * 3
    assert server.forms == [{"grant_type": "client_credentials", "scope": "communications.requeue"}]


def test_a_token_endpoint_may_want_an_audience_and_the_client_in_the_body(
    api: ScriptedApi, secret: Callable[[Any], str]
) -> None:
    api.answer = server = TokenServer()
    assert requeue(api, oauth(api, secret(CLIENT), audience="https://api", client_in=ClientIn.BODY))
    assert server.forms == [{"grant_type": "client_credentials", "audience": "https://api", **CLIENT}]


@pytest.mark.parametrize("lifetime", [None, "soon", "", 0, -5, "3600", 1e12, True, [], {}, "NaN", 10**400])
def test_a_token_whose_lifetime_is_not_said_is_kept_for_some_minutes(
    api: ScriptedApi, secret: Callable[[Any], str], lifetime: Any
) -> None:
    api.answer = server = TokenServer(lifetime=lifetime)
    caller = oauth(api, secret(CLIENT))
    assert [requeue(api, caller) for _ in range(2)] == [True] * 2
    assert server.issued == 1


class SecretsFront:
    """What stands between the functions and Secrets Manager: it counts their calls and can spoil some."""

    def __init__(self) -> None:
        self.reads = 0
        self.script: list[str | Exception | None] = []
        secrets._client().meta.events.register("before-call.secretsmanager", self._before)

    def goes(self, *script: str | Exception | None) -> None:
        """Let the next calls go so, and those after them well: an error's code, a failure to connect, or None."""
        self.script = list(script)

    def _before(self, **_: Any) -> Any:
        self.reads += 1
        trouble = self.script.pop(0) if self.script else None
        if isinstance(trouble, Exception):
            raise trouble
        error = {"Code": trouble, "Message": "no"}
        return (SimpleNamespace(status_code=400), {"Error": error}) if trouble else None


@pytest.fixture
def front(aws: None, monkeypatch: pytest.MonkeyPatch) -> SecretsFront:
    monkeypatch.setattr(secrets, "WAITS_SECONDS", (0.01, 0.01, 0.01))
    return SecretsFront()


PASSING = [
    "ThrottlingException",
    "InternalServiceError",
    EndpointConnectionError(endpoint_url="https://secretsmanager.example"),
    ConnectTimeoutError(endpoint_url="https://secretsmanager.example"),
    ReadTimeoutError(endpoint_url="https://secretsmanager.example"),
    ConnectionClosedError(endpoint_url="https://secretsmanager.example"),
]


@pytest.mark.parametrize("trouble", PASSING, ids=str)
def test_passing_trouble_of_secrets_manager_is_retried(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront, trouble: Any
) -> None:
    api.answers(as_json({}))
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    front.goes(trouble, trouble)
    assert requeue(api, caller)
    assert front.reads == 3


def test_a_secret_that_cannot_be_read_at_the_moment_is_worth_another_try(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront
) -> None:
    api.answers(as_json({}))
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    front.goes(*["ThrottlingException"] * 4)
    with pytest.raises(ApiUnavailable, match="Secrets Manager does not answer: ThrottlingException"):
        requeue(api, caller)
    assert (front.reads, api.requests) == (4, [])
    assert requeue(api, caller)


def test_secrets_manager_is_not_asked_beyond_the_deadline(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront
) -> None:
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    caller.deadline.set(3)  # a try may take five
    front.goes(*["ThrottlingException"] * 4)
    with pytest.raises(ApiUnavailable, match="Secrets Manager does not answer"):
        requeue(api, caller)
    assert front.reads == 1


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException", "DecryptionFailure"]
)
def test_a_secret_that_may_not_be_read_is_a_wrong_setting_at_once(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront, code: str
) -> None:
    arn = secret("s3cret")
    front.goes(code)
    with pytest.raises(ConfigurationError, match=f"secret {arn}: cannot be read: .*{code}"):
        requeue(api, type=AuthType.BEARER, secret_arn=arn)
    assert (front.reads, api.requests) == (1, [])


def test_a_value_read_before_serves_while_the_secret_cannot_be_read(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers(as_json({}))
    monkeypatch.setattr(secrets, "MAX_AGE_SECONDS", -1)
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    assert requeue(api, caller)
    front.goes(*["ThrottlingException"] * 4)
    assert requeue(api, caller)
    assert requeue(api, caller)
    assert front.reads == 2, "it is left alone for a while"


def test_a_secret_is_read_again_when_its_value_is_old(
    api: ScriptedApi,
    secrets_manager: SecretsManagerClient,
    secret: Callable[[Any], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api.answers(as_json({}))
    arn = secret("old")
    caller = client(api, type=AuthType.BEARER, secret_arn=arn)
    requeue(api, caller)
    secrets_manager.put_secret_value(SecretId=arn, SecretString="new")
    requeue(api, caller)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 301)
    caller.deadline.set(60)
    requeue(api, caller)
    assert [request.headers["Authorization"][7:] for request in api.requests] == ["old", "old", "new"]


def test_credentials_that_could_not_be_read_anew_are_not_said_to_be_refused(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront
) -> None:
    api.answers(as_json({}, status=401))
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    front.goes(None, *["ThrottlingException"] * 4)
    with pytest.raises(ApiUnavailable, match="Secrets Manager does not answer"):
        requeue(api, caller)
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_rotated_secret_is_read_anew_also_where_the_api_says_forbidden(
    api: ScriptedApi, secrets_manager: SecretsManagerClient, secret: Callable[[Any], str], status: int
) -> None:
    arn = secret("old")
    caller = client(api, type=AuthType.BEARER, secret_arn=arn)
    api.answer = lambda request: as_json({}, status=202 if request.headers["Authorization"] == "Bearer new" else status)
    with suppress(CredentialsRefused):
        assert not requeue(api, caller)
    secrets_manager.put_secret_value(SecretId=arn, SecretString="new")
    assert requeue(api, caller)
    assert caller.get(f"{api.url}/emails", []).status == 202


def test_forbidden_for_one_communication_is_asked_once_and_the_secret_read_anew_once(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront
) -> None:
    api.answers(as_json({}, status=403))
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    assert caller.requeue(CLAIM, REQUEUE) == Answer(403, accepted=False, error="HTTP 403 Forbidden")
    assert (len(api.requests), front.reads) == (1, 2)
    with pytest.raises(CredentialsRefused, match="GET /emails: HTTP 403 Forbidden"):
        caller.get(f"{api.url}/emails", [])


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "120"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "120"}]
)
def test_forbidden_for_too_many_requests_says_when_to_come_back(
    api: ScriptedApi, secret: Callable[[Any], str], front: SecretsFront, headers: dict[str, str]
) -> None:
    api.answers(Response(status=403, headers=headers))
    caller = client(api, type=AuthType.BEARER, secret_arn=secret("s3cret"))
    assert caller.requeue(CLAIM, REQUEUE) == Answer(403, accepted=False, error="HTTP 403 Forbidden", retry_after=120)
    with pytest.raises(ApiUnavailable, match="HTTP 403") as error:
        caller.get(f"{api.url}/emails", [])
    assert (error.value.retry_after, front.reads, len(api.requests)) == (120, 1, 2)


def test_a_clients_rotated_secret_is_read_anew_where_the_token_endpoint_refuses_the_old_one(
    api: ScriptedApi, secrets_manager: SecretsManagerClient, secret: Callable[[Any], str]
) -> None:
    api.answer = server = TokenServer(lifetime=30)
    arn = secret(CLIENT | {"client_secret": "old"})
    caller = oauth(api, arn)
    with pytest.raises(CredentialsRefused, match="token endpoint: HTTP 401"):
        requeue(api, caller)
    assert len(api.requests) == 1, "the same credentials would be refused the same"
    secrets_manager.put_secret_value(SecretId=arn, SecretString=json.dumps(CLIENT))
    assert requeue(api, caller)
    assert server.issued == 1


def test_forbidden_costs_no_token(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    serve = TokenServer()
    api.answer = lambda request: serve(request) if request.path == "/oauth/token" else Response(status=403)
    caller = oauth(api, secret(CLIENT))
    for _ in range(3):
        assert caller.requeue(CLAIM, REQUEUE).status == 403
    assert serve.issued == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_token_endpoint_that_refuses_the_client_refuses_everything(
    api: ScriptedApi, secret: Callable[[Any], str], status: int
) -> None:
    api.answers(as_json({"error": "invalid_client"}, status=status))
    with pytest.raises(CredentialsRefused, match=f"token endpoint: HTTP {status}"):
        requeue(api, oauth(api, secret(CLIENT)))


@pytest.mark.parametrize(
    ("error", "setting"),
    [
        ("invalid_client", "api.auth.secret_arn, or api.auth.client_in"),
        ("invalid_scope", "api.auth.scope"),
        ("invalid_target", "api.auth.audience"),
    ],
)
def test_a_token_endpoints_error_says_what_to_look_at(
    api: ScriptedApi, secret: Callable[[Any], str], error: str, setting: str
) -> None:
    api.answers(as_json({"error": error, "error_description": "of ann@example.com"}, status=400))
    with pytest.raises(CredentialsRefused, match=rf"HTTP 400 for the client's credentials, {error}: see {setting}$"):
        requeue(api, oauth(api, secret(CLIENT)))


@pytest.mark.parametrize("error", ["of ann@example.com", ["x"], {"a": 1}, None, 5])
def test_an_error_that_nobody_knows_is_not_shown(api: ScriptedApi, secret: Callable[[Any], str], error: Any) -> None:
    api.answers(as_json({"error": error}, status=400))
    with pytest.raises(CredentialsRefused, match=r"HTTP 400 for the client's credentials$"):
        requeue(api, oauth(api, secret(CLIENT)))


@pytest.mark.parametrize("error", ["temporarily_unavailable", "server_error", "slow_down"])
def test_an_error_that_passes_does_not_refuse_the_client(
    api: ScriptedApi, secret: Callable[[Any], str], error: str
) -> None:
    api.answers(as_json({"error": error}, status=400))
    with pytest.raises(ApiUnavailable, match="token endpoint: HTTP 400"):
        requeue(api, oauth(api, secret(CLIENT)))


def test_a_token_may_come_as_created(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    serve = TokenServer()

    def answer(request: Request) -> Response:
        response = serve(request)
        response.status_code = (
            201 if response.status_code == 200 and request.path == "/oauth/token" else (response.status_code)
        )
        return response

    api.answer = answer
    assert requeue(api, oauth(api, secret(CLIENT)))


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_token_endpoint_may_say_when_to_come_back(
    api: ScriptedApi, secret: Callable[[Any], str], status: int
) -> None:
    api.answers(Response(status=status, headers={"Retry-After": "120"}))
    with pytest.raises(ApiUnavailable, match=f"token endpoint: HTTP {status}") as error:
        requeue(api, oauth(api, secret(CLIENT)))
    assert (error.value.retry_after, len(api.requests)) == (120, 1)


def test_a_token_about_to_end_is_renewed(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answer = server = TokenServer(lifetime=30)
    caller = oauth(api, secret(CLIENT))
    requeue(api, caller)
    requeue(api, caller)
    assert server.issued == 2


def test_a_revoked_token_is_fetched_anew_once(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answer = server = TokenServer()
    caller = oauth(api, secret(CLIENT))
    requeue(api, caller)
    server.valid_from = 2
    assert requeue(api, caller)
    assert server.issued == 2


def test_a_revoked_token_may_have_been_the_old_clients(
    api: ScriptedApi, secrets_manager: SecretsManagerClient, secret: Callable[[Any], str]
) -> None:
    arn = secret({"client_id": "old", "client_secret": "s3cret"})

    def answer(request: Request) -> Response:
        if basic := request.authorization if request.path == "/oauth/token" else None:
            return as_json({"access_token": f"token-of-{basic.username}"})
        return as_json({}, status=202 if request.headers["Authorization"] == "Bearer token-of-redrive" else 401)

    api.answer = answer
    secrets = Secrets()
    secrets.text(arn)
    secrets_manager.put_secret_value(SecretId=arn, SecretString=json.dumps(CLIENT))
    assert requeue(api, oauth(api, arn, secrets=secrets))


def test_no_token_is_kept_for_longer_than_a_day(
    api: ScriptedApi, secret: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answer = server = TokenServer(lifetime=1e9)
    caller = oauth(api, secret(CLIENT))
    requeue(api, caller)
    now = time.monotonic()
    monkeypatch.setattr("redrive.auth.time", SimpleNamespace(monotonic=lambda: now + 86_400))
    requeue(api, caller)
    assert server.issued == 2


def test_a_client_that_is_refused_is_told_as_such(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answer = TokenServer()
    with pytest.raises(CredentialsRefused, match="token endpoint: HTTP 401"):
        requeue(api, oauth(api, secret(CLIENT | {"client_secret": "other"})))


def test_a_client_may_be_refused_with_a_200(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answers(as_json({"error": "invalid_client", "access_token": "no"}))
    with pytest.raises(CredentialsRefused, match=r"invalid_client: see api\.auth\.secret_arn"):
        requeue(api, oauth(api, secret(CLIENT)))


@pytest.mark.parametrize(
    ("status", "is_elsewhere"), [(404, True), (405, True), (302, True), (503, False), (429, False)]
)
def test_where_there_is_no_token_endpoint_the_setting_is_named(
    api: ScriptedApi, secret: Callable[[Any], str], status: int, is_elsewhere: bool
) -> None:
    api.answers(Response(status=status))
    with pytest.raises(ApiUnavailable) as error:
        requeue(api, oauth(api, secret(CLIENT)))
    assert str(error.value).endswith("; see api.auth.token_url") is is_elsewhere


def test_a_token_that_is_given_as_a_whole_header_is_sent_as_one(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answers(as_json({"access_token": "Bearer token-1"}), as_json({}))
    assert requeue(api, oauth(api, secret(CLIENT)))
    assert api.requests[1].headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize("kind", ["Bearer", "BearerToken", "", None, "DPoP", "mac"])
def test_a_token_that_is_worth_nothing_by_itself_is_not_sent(
    api: ScriptedApi, secret: Callable[[Any], str], kind: str | None
) -> None:
    api.answers(as_json({"access_token": "token-1", "token_type": kind}))
    if kind not in ("DPoP", "mac"):
        assert requeue(api, oauth(api, secret(CLIENT)))
        return
    with pytest.raises(ConfigurationError, match="no bearer tokens"):
        requeue(api, oauth(api, secret(CLIENT)))
    assert [request.path for request in api.requests] == ["/oauth/token"]


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=503),
        as_json({}),
        Response("<h1>hi</h1>"),
        as_json([]),
        as_json({"access_token": None}),
        as_json({"access_token": "s3cret\n"}),
    ],
)
def test_a_token_endpoint_without_a_token_is_unavailable(
    api: ScriptedApi, secret: Callable[[Any], str], answer: Response
) -> None:
    api.answers(answer)
    with pytest.raises(ApiUnavailable, match="token endpoint"):
        requeue(api, oauth(api, secret(CLIENT)))
    assert [request.path for request in api.requests] == ["/oauth/token"]


def test_a_clients_secret_is_form_encoded(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answers(as_json({"access_token": "token-1"}))
    requeue(api, oauth(api, secret({"client_id": "re:drive", "client_secret": "50% + ü"})))
    sent = api.requests[0].authorization
    assert sent is not None
    assert (sent.username, sent.password) == ("re%3Adrive", "50%25+%2B+%C3%BC")


def test_a_token_post_has_no_key_and_is_never_repeated(api: ScriptedApi, secret: Callable[[Any], str]) -> None:
    api.answers(Response(status=429, headers={"Retry-After": "0"}))
    with pytest.raises(ApiUnavailable):
        requeue(api, oauth(api, secret(CLIENT)))
    assert len(api.requests) == 1


def test_a_filter_with_a_space_is_signed_in_the_form_that_aws_signs(api: ScriptedApi, aws: None) -> None:
    api.answers(as_json({}))
    client(api, type=AuthType.AWS_IAM).get(f"{api.url}/emails", {"folder": "not sent"})
    assert api.requests[0].environ["QUERY_STRING"] == "folder=not%20sent"


def test_a_request_is_signed_as_it_arrives(api: ScriptedApi, aws: None) -> None:
    api.answers(as_json({}))
    requeue(api, type=AuthType.AWS_IAM)
    (request,) = api.requests
    credentials = botocore.session.get_session().get_credentials().get_frozen_credentials()
    scheme, scope, signed_names, signature = request.headers["Authorization"].replace(",", "").split()
    assert scheme == "AWS4-HMAC-SHA256"
    assert scope.startswith(f"Credential={credentials.access_key}/")
    assert scope.endswith("/eu-west-1/execute-api/aws4_request")
    names = signed_names.removeprefix("SignedHeaders=").split(";")
    assert {"content-type", "host", "idempotency-key", "x-amz-date", "x-amz-security-token"} == set(names)
    # The server's side of the protocol: sign what arrived, compare.
    arrived = AWSRequest("POST", request.url, {name: request.headers[name] for name in names}, request.get_data())
    arrived.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(credentials, "execute-api", "eu-west-1")
    expected = signer.signature(signer.string_to_sign(arrived, signer.canonical_request(arrived)), arrived)
    assert signature == f"Signature={expected}"


def test_a_rotated_secret_is_fetched_anew_once_on_a_401(
    api: ScriptedApi, secrets_manager: SecretsManagerClient, secret: Callable[[Any], str]
) -> None:
    accepted = "old"
    api.answer = lambda request: as_json({}, 202 if request.headers["Authorization"] == f"Bearer {accepted}" else 401)
    arn = secret("old")
    caller = client(api, type=AuthType.BEARER, secret_arn=arn)
    assert requeue(api, caller)
    accepted = "new"
    secrets_manager.put_secret_value(SecretId=arn, SecretString="new")
    assert requeue(api, caller)
    assert len(api.requests) == 3


def test_credentials_that_stay_refused_are_tried_twice_and_no_more(
    api: ScriptedApi, secret: Callable[[Any], str]
) -> None:
    api.answers(as_json({}, status=401))
    with pytest.raises(CredentialsRefused, match="HTTP 401"):
        requeue(api, type=AuthType.BEARER, secret_arn=secret("wrong"))
    assert len(api.requests) == 2


def test_a_secret_is_read_once_for_many_calls(
    api: ScriptedApi, secrets_manager: SecretsManagerClient, secret: Callable[[Any], str]
) -> None:
    api.answers(as_json({}))
    arn = secret("s3cret")
    caller = client(api, type=AuthType.BEARER, secret_arn=arn)
    requeue(api, caller)
    secrets_manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert requeue(api, caller)


@pytest.mark.parametrize(
    ("auth_type", "value", "names"),
    [
        (AuthType.BEARER, ["s3cret-value"], ["token"]),
        (AuthType.BEARER, {"token": "  "}, ["token"]),
        (AuthType.BEARER, {"tokens": "s3cret-value"}, ["token"]),
        (AuthType.BEARER, "s3cret-value\r\nX-Evil: 1", ["token"]),
        (AuthType.BEARER, "s3cret-value-€", ["token"]),
        (AuthType.API_KEY, '{"api_key": 5}', ["api_key"]),
        (AuthType.BASIC, "redrive:s3cret-value", ["username", "password"]),
        (AuthType.BASIC, {"username": "redrive", "password": ""}, ["username", "password"]),
        (AuthType.OAUTH2_CLIENT_CREDENTIALS, ["s3cret-value"], ["client_id", "client_secret"]),
    ],
)
def test_a_secret_of_the_wrong_shape_is_told_without_its_value(
    api: ScriptedApi, secret: Callable[[Any], str], auth_type: AuthType, value: Any, names: list[str]
) -> None:
    arn = secret(value)
    with pytest.raises(ConfigurationError) as error:
        requeue(api, type=auth_type, secret_arn=arn, token_url=f"{api.url}/oauth/token")
    assert arn in str(error.value)
    assert all(f'"{name}"' in str(error.value) for name in names)
    assert "s3cret-value" not in str(error.value)
    assert not api.requests


def test_a_missing_secret_is_named(api: ScriptedApi, aws: None) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gone-AbCdEf"
    with pytest.raises(ConfigurationError, match=f"secret {arn}: cannot be read"):
        requeue(api, type=AuthType.BEARER, secret_arn=arn)


@pytest.mark.parametrize(
    ("auth", "field"),
    [
        ({"type": AuthType.BEARER}, "secret_arn"),
        ({"type": AuthType.OAUTH2_CLIENT_CREDENTIALS, "secret_arn": "arn"}, "token_url"),
    ],
)
def test_a_type_names_the_field_it_needs(api: ScriptedApi, auth: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"api\.auth\.{field}: missing"):
        client(api, **auth)


def test_a_private_authority_is_trusted_by_its_secret(
    private_api: tuple[str, str], secret: Callable[[Any], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    url, authority = private_api

    def is_accepted(ca_bundle_secret_arn: str | None) -> bool:
        settings = ApiSettings(base_url=url, ca_bundle_secret_arn=ca_bundle_secret_arn)
        return patient(settings).requeue(CLAIM, REQUEUE).accepted

    assert is_accepted(secret(authority))
    with pytest.raises(ApiUnavailable, match=r"unknown certificate authority; .*api\.ca_bundle_secret_arn"):
        is_accepted(None)
    with pytest.raises(ConfigurationError, match="must hold certificates in PEM"):
        is_accepted(secret("no certificate"))
