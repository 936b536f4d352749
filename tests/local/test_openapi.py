"""The example application is what docs/openapi.yaml describes: whatever it is asked, it answers as written there.

It stands here, and not with the deployed whole, because it needs no more than the application's own server.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hcl2
import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis.config import NotAServerErrorConfig, PositiveDataAcceptanceConfig
from schemathesis.generation import GenerationMode
from waitress.server import create_server

from local.application import query, seed
from local.application.api import create
from local.application.providers import Providers
from local.application.store import Store
from local.sinks import MailSink, SmsGateway
from redrive.api import Api
from redrive.listing import Listing
from redrive.parsing import parse
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, AuthSettings, AuthType, Source
from redrive.transport import listing_retry

TOKEN = "a-token-for-this-test"
CREATED = "2026-11-24T02:15:00Z"
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"

schema = schemathesis.openapi.from_path(DOCUMENT)
schema.config.update(headers={"Authorization": f"Bearer {TOKEN}"})
schema.config.generation.update(deterministic=True)
# Only the lists of /emails and /sms are the document's; the application's users POST there what is to be sent.
schema.config.phases.coverage.unexpected_methods = {"put", "delete", "patch"}
checks = schema.config.checks
checks.not_a_server_error = NotAServerErrorConfig(expected_statuses=["2xx", "4xx", 503])
# What a valid request may meet; not 400.
checks.positive_data_acceptance = PositiveDataAcceptanceConfig(expected_statuses=["2xx", 404, 409, 422, 425, 503])


@dataclass
class Application:
    url: str
    store: Store
    gateway: SmsGateway


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    store = Store(tmp_path_factory.mktemp("application") / "application.db")
    store.accept_token(TOKEN)
    seed.fill(store, failed=470)
    with MailSink() as mails, SmsGateway() as gateway:
        server = create_server(create(store, Providers(mails.address, gateway.url)), host="127.0.0.1", port=0)
        threading.Thread(target=server.run, daemon=True).start()
        yield Application(f"http://127.0.0.1:{server.effective_port}", store, gateway)
        server.close()


def aim(case: schemathesis.Case, store: Store) -> None:
    """Let two of three valid requests be about a communication that is there, and path and body about the same one.

    A cursor is valid only where it was given; half of them are.
    """
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    chance = zlib.crc32(repr((case.body, case.path_parameters, case.query)).encode(errors="replace"))
    ids = [row["id"] for row in store.query("SELECT id FROM communication ORDER BY number")]
    if isinstance(case.body, dict):
        case.body["primaryId"] = ids[chance % len(ids)] if chance % 3 else str(case.body["primaryId"])
        if case.path_parameters:
            case.path_parameters["primaryId"] = case.body["primaryId"]
    if "cursor" in case.query:
        case.query["cursor"] = query.cursor(chance % 2000)


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_asked_is_answered_as_the_document_says(case: schemathesis.Case, application: Application) -> None:
    aim(case, application.store)
    case.call_and_validate(base_url=application.url)


@dataclass
class Asker:
    """Asks for what the document describes, each time about another communication that failed."""

    application: Application
    token: str = TOKEN

    def one(self, kind: str = "email", trouble: str | None = None) -> str:
        """Give the id of one that nothing is wrong with, or that meets a trouble."""
        number = 10_000 + self.application.store.query("SELECT count(*) AS n FROM communication")[0]["n"]
        row = seed.compose(kind, number, trouble) | {"status": "failed"}
        self.application.store.compose([row])
        return str(row["id"])

    def lists(self, path: str, **asked: object) -> requests.Response:
        return self._ask("GET", path, params=asked)

    def posts(self, id_: str, what: str, key: str | None = None, **more: object) -> requests.Response:
        path = "/communications/requeue" if what == "requeue" else f"/communications/{id_}/{what}"
        body = {"primaryId": id_, "operation": "send.communications", "createdBy": "test", "created": CREATED} | more
        return self._ask("POST", path, json=body, headers={"Idempotency-Key": key or f"{what} {id_}".replace(" ", ":")})

    def again(self, what: str) -> requests.Response:
        """Ask twice, under two keys."""
        id_ = self.one()
        self.posts(id_, what)
        return self.posts(id_, what, key="another")

    def while_it_is_sent(self) -> requests.Response:
        """Ask for what another request is sending."""
        id_ = self.one()
        with self.application.store.transaction() as database:
            database.execute("UPDATE communication SET claimed_until = 1e12 WHERE id = ?", [id_])
        return self.posts(id_, "send")

    def while_its_provider_is_away(self) -> requests.Response:
        self.application.gateway.refusals.is_down = True
        try:
            return self.posts(self.one("sms"), "send")
        finally:
            self.application.gateway.refusals.end()

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        more["headers"] = more.get("headers", {}) | {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, self.application.url + path, timeout=10, **more)


GIVEN_UP = {"reason": "HTTP 503 Service Unavailable", "receives": 5}

MET: dict[tuple[str, str], Callable[[Asker], requests.Response]] = {
    ("listEmails", "200"): lambda ask: ask.lists("/emails", status="failed", limit=2),
    ("listEmails", "400"): lambda ask: ask.lists("/emails", cursor="another"),
    ("listEmails", "401"): lambda ask: replace(ask, token="wrong").lists("/emails"),
    ("listSms", "200"): lambda ask: ask.lists("/sms", status="failed", page=99),
    ("listSms", "400"): lambda ask: ask.lists("/sms", status=""),
    ("listSms", "401"): lambda ask: replace(ask, token="wrong").lists("/sms"),
    ("requeue", "202"): lambda ask: ask.posts(ask.one(), "requeue"),
    ("requeue", "400"): lambda ask: ask.posts(ask.one(), "requeue", subject="Your invoice"),
    ("requeue", "401"): lambda ask: replace(ask, token="wrong").posts(ask.one(), "requeue"),
    ("requeue", "404"): lambda ask: ask.posts("nobody", "requeue"),
    ("requeue", "409"): lambda ask: ask.again("requeue"),
    ("requeue", "422"): lambda ask: ask.posts(ask.one(trouble="refused:opted out"), "requeue"),
    ("requeue", "503"): lambda ask: ask.posts(ask.one(trouble="down"), "requeue"),
    ("send", "200"): lambda ask: ask.posts(ask.one(), "send"),
    ("send", "400"): lambda ask: ask.posts(ask.one(), "send", primaryId="another"),
    ("send", "401"): lambda ask: replace(ask, token="wrong").posts(ask.one(), "send"),
    ("send", "404"): lambda ask: ask.posts("nobody", "send"),
    ("send", "409"): lambda ask: ask.again("send"),
    ("send", "422"): lambda ask: ask.posts(ask.one(trouble="undeliverable"), "send"),
    ("send", "425"): lambda ask: ask.while_it_is_sent(),
    ("send", "503"): lambda ask: ask.while_its_provider_is_away(),
    ("giveUp", "200"): lambda ask: ask.posts(ask.one(), "given-up", **GIVEN_UP),
    ("giveUp", "400"): lambda ask: ask.posts(ask.one(), "given-up", reason="", receives=5),
    ("giveUp", "401"): lambda ask: replace(ask, token="wrong").posts(ask.one(), "given-up", **GIVEN_UP),
    ("giveUp", "404"): lambda ask: ask.posts("nobody", "given-up", **GIVEN_UP),
}
"""By operation and status, how the example application is brought to give it."""

NEVER_GIVEN = {
    *((operation, status) for operation in ("listEmails", "listSms") for status in ("403", "429", "503")),
    *((operation, status) for operation in ("requeue", "send") for status in ("403", "405", "413", "429")),
}
"""Answers that others give: the example application's token is for everything, it has no limit of requests or of their
size, its database is always there, and whoever asks by another method asks for something else."""


@pytest.mark.parametrize(("operation", "status"), list(MET))
def test_each_answer_of_the_document_is_the_applications(operation: str, status: str, application: Application) -> None:
    answer = MET[operation, status](Asker(application))
    assert str(answer.status_code) == status
    schema.find_operation_by_id(operation).validate_response(answer)
    assert answer.headers["Content-Type"] == "application/json"


def test_the_document_names_no_answer_that_nobody_gives() -> None:
    described = yaml.safe_load(DOCUMENT.read_text())
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    named = {(operation["operationId"], status) for operation in operations for status in operation["responses"]}
    assert named == set(MET) | NEVER_GIVEN
    assert not set(MET) & NEVER_GIVEN


def test_the_settings_of_the_document_read_the_application_to_its_end(application: Application) -> None:
    """They are written for people, in HCL; here they are read as the module gets them."""
    hcl = re.search("```hcl\n(.*?)```", yaml.safe_load(DOCUMENT.read_text())["info"]["description"], re.DOTALL)
    assert hcl
    sources = parse(dict[str, Source], _plain(hcl2.loads(hcl[1])["sources"]), "sources")
    auth = AuthSettings(AuthType.BEARER, secret_arn="token")
    api = Api(ApiSettings(application.url, auth), listing_retry, KnownSecret())
    listing = Listing(sources, api, lambda: True)
    found = {(each.operation, each.primary_id) for each in listing}
    assert listing.complete == {"email", "sms"}
    assert not listing.problems
    rows = application.store.query("SELECT kind, id FROM communication WHERE status = 'failed'")
    assert len(rows) > 400
    assert found == {(f"send.{row['kind']}", row["id"]) for row in rows}


class KnownSecret(Secrets):
    def text(self, arn: str, *, fresh: bool = False) -> str:
        return TOKEN


def _plain(value: Any) -> Any:
    """Give what hcl2 reads without the quotation marks that it leaves around texts."""
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    return value.strip('"') if isinstance(value, str) else value
