"""What the module's variables say, as the functions see it: environment variables, parsed once per sandbox."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from redrive.errors import ConfigurationError
from redrive.parsing import parse, parse_json


class AuthType(StrEnum):
    """How the module shows the API who it is."""

    NONE = "none"
    BEARER = "bearer"
    API_KEY = "api_key"
    BASIC = "basic"
    OAUTH2_CLIENT_CREDENTIALS = "oauth2_client_credentials"
    AWS_IAM = "aws_iam"


class ClientIn(StrEnum):
    """Where a token endpoint wants the client's id and secret (RFC 6749, 2.3.1)."""

    HEADER = "header"
    BODY = "body"


class PaginationStyle(StrEnum):
    """How a source hands out a list that is longer than one answer."""

    NONE = "none"
    PAGE = "page"
    OFFSET = "offset"
    CURSOR = "cursor"
    NEXT_URL = "next_url"
    LINK_HEADER = "link_header"


class Mode(StrEnum):
    """What the schedule does with what it finds: send it, or say what would be sent."""

    REDRIVE = "redrive"
    REPORT = "report"


class NotifyOn(StrEnum):
    """Which results are notified."""

    SUCCESS = "success"
    FAILURE = "failure"


class AuthSettings(NamedTuple):
    """``api.auth``: the type, and what that type needs."""

    type: AuthType = AuthType.NONE
    secret_arn: str | None = None
    header: str = "X-Api-Key"
    token_url: str | None = None
    scope: str | None = None
    audience: str | None = None
    client_in: ClientIn = ClientIn.HEADER
    service: str = "execute-api"
    region: str | None = None


class ApiSettings(NamedTuple):
    """``api``: where the application's API is and how it is called; timeouts in seconds."""

    base_url: str
    auth: AuthSettings = AuthSettings()
    headers: Mapping[str, str] = MappingProxyType({})
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 20.0
    ca_bundle_secret_arn: str | None = None


class Pagination(NamedTuple):
    """``sources.*.pagination``: the style, the names of its query parameters, and the JMESPath of what an answer says.

    Attributes
    ----------
    first_page, first_offset
        The number of the first page, and of the first item.
    size_param, size
        The parameter that asks for ``size`` items on a page. Where it is None, nothing is asked for, and ``size`` is
        what the API gives of itself.
    next
        Where an answer holds the next page's token or URL.
    total
        Where an answer says how many items the whole list has.
    """

    style: PaginationStyle = PaginationStyle.NONE
    page_param: str = "page"
    first_page: int = 1
    offset_param: str = "offset"
    first_offset: int = 0
    size_param: str | None = "limit"
    size: int = 100
    cursor_param: str = "cursor"
    next: str | None = None
    total: str | None = None

    @property
    def param(self) -> str | None:
        """Give the query parameter that says which page is asked for; None where the API names that page's URL."""
        own = {
            PaginationStyle.PAGE: self.page_param,
            PaginationStyle.OFFSET: self.offset_param,
            PaginationStyle.CURSOR: self.cursor_param,
        }
        return own.get(self.style)

    @property
    def params(self) -> tuple[str, ...]:
        """Give the query parameters that paging sets, over filters of the same name."""
        named = (self.param, self.size_param if self.style is not PaginationStyle.NONE else None)
        return tuple(name for name in named if name)


class Source(NamedTuple):
    """``sources.*``: one endpoint that lists failed communications; items, id and failed_at are JMESPath.

    Attributes
    ----------
    enabled
        False for one that runs do not read; a check does.
    filters
        Query parameters; one with several values is sent as often.
    min_age_seconds, max_age_seconds
        What failed less, or longer, than so long ago is left alone; None for no limit.
    empty_statuses
        HTTP statuses by which the API says that the list is empty.
    id_space
        Which sources share ids: those of the same space; the operation where there is none.
    """

    path: str
    operation: str
    enabled: bool = True
    filters: Mapping[str, str | tuple[str, ...]] = MappingProxyType({})
    pagination: Pagination = Pagination()
    items: str = "@"
    id: str = "id"
    failed_at: str | None = None
    min_age_seconds: float = 0.0
    max_age_seconds: float | None = None
    empty_statuses: tuple[int, ...] = (204,)
    id_space: str = ""

    @property
    def space(self) -> str:
        """The id space of what is listed here."""
        return self.id_space or self.operation


class RequeueSettings(NamedTuple):
    """``requeue``: the endpoint that takes a queue entry; ``source_paths`` go before ``path``.

    ``accepted`` is JMESPath: what must hold of a 2xx answer's JSON for the communication to count as requeued.
    """

    path: str
    method: str = "POST"
    created_by: str = "communications-redrive"
    source_paths: Mapping[str, str] = MappingProxyType({})
    accepted: str | None = None


class LedgerSettings(NamedTuple):
    """The ledger's table, and ``redrive_limit``: how often a communication is sent, and how long it waits between."""

    table: str
    max_attempts: int = 5
    cooldown_seconds: float = 900.0
    backoff_rate: float = 2.0
    max_cooldown_seconds: float = 86400.0
    retention_days: float = 30.0
    lease_seconds: float = 300.0
    open_hours: float = 24.0


class RunSettings(NamedTuple):
    """How runs go.

    Attributes
    ----------
    max_attempts_of_a_request
        ``retry.max_attempts``: how often the state machine tries again.
    breaker_turned_away
        ``breaker.turned_away``: so many in a row leave a source out.
    max_requests_per_second
        Over all sandboxes, retries included; None for no limit.
    run_hours
        After which a run opens no further batch; None for no such deadline.
    requeue_path
        ``requeue.path``, for the digest's advice.
    """

    max_attempts_of_a_request: int = 3
    breaker_turned_away: int = 50
    max_requests_per_second: float | None = None
    run_hours: float | None = None
    requeue_path: str = ""


class DigestKind(StrEnum):
    """When digests are sent."""

    RUN = "run"
    DAILY = "daily"


class NotificationSettings(NamedTuple):
    """``notifications``: which results are sent, how often, and where to.

    Attributes
    ----------
    dashboard_url
        Where the dashboard is looked at, for the digests; empty where there is none.
    """

    topic_arn: str
    on: tuple[NotifyOn, ...] = (NotifyOn.SUCCESS, NotifyOn.FAILURE)
    digest: DigestKind = DigestKind.RUN
    dashboard_url: str = ""


class QueueSettings(NamedTuple):
    """``queue``: what the worker does with an entry of each operation, and how often and when it is tried again.

    Attributes
    ----------
    paths
        By operation, where the application is asked to send.
    given_up_path
        Where it is told that an entry was given up; None where it does not want to know.
    ttl_seconds, backoff_rate
        The first wait, and how much longer each further one is than the one before.
    max_receives
        How often an entry is received, the last time included.
    """

    paths: dict[str, str]
    queue_url: str
    dead_letter_queue_url: str
    method: str = "POST"
    given_up_path: str | None = None
    ttl_seconds: float = 900.0
    backoff_rate: float = 2.0
    max_receives: int = 5


class ListSettings(NamedTuple):
    """Everything ``list_failed`` is told."""

    api: ApiSettings
    ledger: LedgerSettings
    sources: dict[str, Source]
    batch_size: int
    max_per_run: int
    breaker_turned_away: int
    state_machine_arn: str
    conclude_arn: str
    mode: Mode = Mode.REDRIVE

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ListSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        api = parse_json(ApiSettings, _read("REDRIVE_API", environment), "api")
        sources = parse_json(dict[str, Source], _read("REDRIVE_SOURCES", environment), "sources")
        return cls(
            api=api,
            ledger=ledger_settings(environment),
            sources={name: source for name, source in sources.items() if source.enabled},
            batch_size=parse_json(int, _read("REDRIVE_BATCH_SIZE", environment), "batch_size"),
            max_per_run=parse_json(int, _read("REDRIVE_MAX_PER_RUN", environment), "max_per_run"),
            breaker_turned_away=run_settings(environment).breaker_turned_away,
            state_machine_arn=_read("REDRIVE_STATE_MACHINE_ARN", environment),
            conclude_arn=_read("REDRIVE_CONCLUDE_ARN", environment),
            mode=parse(Mode, environment.get("REDRIVE_MODE", Mode.REDRIVE), "mode"),
        )


class CheckSettings(NamedTuple):
    """Everything a check is told."""

    api: ApiSettings
    sources: dict[str, Source]
    requeue: RequeueSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> CheckSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        return cls(
            api=parse_json(ApiSettings, _read("REDRIVE_API", environment), "api"),
            sources=parse_json(dict[str, Source], _read("REDRIVE_SOURCES", environment), "sources"),
            requeue=parse_json(RequeueSettings, _read("REDRIVE_REQUEUE", environment), "requeue"),
        )


class RequeueCommunicationSettings(NamedTuple):
    """Everything ``requeue_communication`` is told."""

    api: ApiSettings
    ledger: LedgerSettings
    requeue: RequeueSettings
    run: RunSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> RequeueCommunicationSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        return cls(
            api=parse_json(ApiSettings, _read("REDRIVE_API", environment), "api"),
            ledger=ledger_settings(environment),
            requeue=parse_json(RequeueSettings, _read("REDRIVE_REQUEUE", environment), "requeue"),
            run=run_settings(environment),
        )


class BatchSettings(NamedTuple):
    """Everything ``batch`` is told."""

    ledger: LedgerSettings
    run: RunSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> BatchSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        return cls(ledger=ledger_settings(environment), run=run_settings(environment))


class ConcludeSettings(NamedTuple):
    """Everything ``conclude`` is told."""

    name: str
    stage: str
    ledger: LedgerSettings
    run: RunSettings
    notifications: NotificationSettings
    state_machine_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> ConcludeSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        notifications = _read("REDRIVE_NOTIFICATIONS", environment)
        return cls(
            name=_read("REDRIVE_NAME", environment),
            stage=_read("REDRIVE_STAGE", environment),
            ledger=ledger_settings(environment),
            run=run_settings(environment),
            notifications=parse_json(NotificationSettings, notifications, "notifications"),
            state_machine_arn=_read("REDRIVE_STATE_MACHINE_ARN", environment),
        )


class DeskSettings(NamedTuple):
    """Everything ``ledger_admin`` and the console are told.

    Attributes
    ----------
    spaces
        In which id spaces a communication is looked for by its id alone.
    own_arn
        Of the function itself, which carries on by another invocation what it has begun.
    lister, state_machine_arn
        What sends at once, and what runs are executions of.
    """

    ledger: LedgerSettings
    spaces: tuple[str, ...]
    own_arn: str
    lister: str
    state_machine_arn: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> DeskSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        return cls(
            ledger=ledger_settings(environment),
            spaces=parse_json(tuple[str, ...], _read("REDRIVE_SPACES", environment), "id_space"),
            own_arn=_read("REDRIVE_OWN_ARN", environment),
            lister=_read("REDRIVE_LISTER_ARN", environment),
            state_machine_arn=_read("REDRIVE_STATE_MACHINE_ARN", environment),
        )


class WorkerSettings(NamedTuple):
    """Everything ``worker`` is told."""

    api: ApiSettings
    queue: QueueSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> WorkerSettings:
        """Read the settings; raises ``ConfigurationError`` naming the variable and the field that is wrong."""
        api = parse_json(ApiSettings, _read("REDRIVE_API", environment), "api")
        queue = parse_json(QueueSettings, _read("REDRIVE_WORKER", environment), "queue")
        if queue.queue_url.endswith(".fifo"):  # an entry that comes back would be passed by others
            raise ConfigurationError("queue.queue_url: a FIFO queue, but the worker keeps no order")
        return cls(api, queue)


def ledger_settings(environment: Mapping[str, str] = os.environ) -> LedgerSettings:
    """Read the ledger's settings."""
    return parse_json(LedgerSettings, _read("REDRIVE_LEDGER", environment), "redrive_limit")


def run_settings(environment: Mapping[str, str] = os.environ) -> RunSettings:
    """Read how runs go."""
    return parse_json(RunSettings, _read("REDRIVE_RUN", environment), "run")


def _read(name: str, environment: Mapping[str, str]) -> str:
    try:
        return environment[name]
    except KeyError:
        raise ConfigurationError(f"{name}: this environment variable of the function is missing") from None
