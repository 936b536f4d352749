"""What the unit tests share: a real HTTP server that a test scripts, and the functions' environment."""

from __future__ import annotations

import json
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from waitress.server import create_server
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from local.aws import quicker
from redrive.control import Controls
from redrive.ledger import Ledger
from redrive.runs import Runs
from redrive.settings import ApiSettings
from redrive.table import Table, dynamodb
from tests.unit.delivery_queue import Delivery
from tests.unit.desk import SMS, UNKNOWN, Later, email, wait
from tests.unit.support import DESK, LEDGER, Context, ScriptedApi, TableFront, Time, as_json, create_table, new_sandbox

quicker.use()


@pytest.fixture(scope="session")
def _server() -> Iterator[ScriptedApi]:
    api = ScriptedApi()
    server = create_server(api, host="127.0.0.1", port=0)
    api.url = f"http://127.0.0.1:{server.effective_port}"
    threading.Thread(target=server.run, daemon=True).start()
    yield api
    server.close()


@pytest.fixture
def api(_server: ScriptedApi) -> ScriptedApi:
    """A server without a script and without a memory."""
    _server.answer = lambda request: Response(status=404)
    _server.requests.clear()
    return _server


@pytest.fixture
def private_api() -> Iterator[tuple[str, str]]:
    """Serve an API whose certificate only a private authority vouches for: its URL and the authority's PEM."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = make_server("127.0.0.1", 0, as_json({}, status=202), ssl_context=context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", authority.cert_pem.bytes().decode()
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(api: ScriptedApi) -> ApiSettings:
    return ApiSettings(base_url=api.url, connect_timeout_seconds=10.0, read_timeout_seconds=10.0)


@pytest.fixture(autouse=True)
def sandbox() -> None:
    """Let no test find what another's functions have kept."""
    new_sandbox()


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An AWS of moto's, in this process."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "communications-redrive-test")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "communications-redrive")
    # One session for all tests: each new one would read the services' models again.
    with mock_aws(config={"core": {"reset_boto3_session": False}}):
        yield


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Time:
    time = Time(tmp_path / "offset")
    time.passes(0)
    monkeypatch.setenv("REDRIVE_CLOCK_OFFSET_FILE", str(time.file))
    return time


@pytest.fixture
def client(aws: None) -> DynamoDBClient:
    """A client of a DynamoDB with an empty table."""
    return create_table()


@pytest.fixture
def table(client: DynamoDBClient) -> Table:
    """The table as a test looks at it, beside the functions."""
    return Table(client, LEDGER.table)


@pytest.fixture
def runs(table: Table) -> Runs:
    """The records of runs in that table."""
    return Runs(table, LEDGER.retention_days)


@pytest.fixture
def controls(table: Table) -> Controls:
    """What a person has set in that table."""
    return Controls(table)


@pytest.fixture
def ledger(table: Table) -> Ledger:
    """The ledger in that table."""
    return Ledger(table, LEDGER)


@pytest.fixture
def front(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[TableFront]:
    """What stands before the ledger's table, for the functions alone."""
    for name, value in DESK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REDRIVE_LEDGER", json.dumps(LEDGER._asdict()))
    dynamodb.cache_clear()
    yield TableFront(dynamodb())
    dynamodb.cache_clear()


@pytest.fixture
def delivery(aws: None, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """A queue with its worker."""
    made = Delivery(api.url, monkeypatch)
    made.configure()
    return made


@pytest.fixture
def logged(
    aws: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[dict[str, Any]]]:
    """Give the JSON lines that a function wrote: its log and its metrics."""
    # A logger keeps the standard output it was made with: this one is made anew, under a name of its own.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"test-{uuid.uuid4()}")

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]

    return lines


@pytest.fixture
def later(front: TableFront, monkeypatch: pytest.MonkeyPatch) -> Later:
    """What is to be invoked later, of a desk with small pages and without a pace."""
    made = Later()
    monkeypatch.setattr("redrive.desk._invoke", made.accept)
    monkeypatch.setattr("redrive.carrying_out.PAGE", 4)
    monkeypatch.setattr("redrive.carrying_out.PER_SECOND", 1e9)
    return made


@pytest.fixture
def pile(ledger: Ledger, table: Table, time: Time) -> None:
    """Ten emails in two groups, and an SMS in a third; the first three are an hour older."""
    wait(ledger, table, *map(email, range(3)))
    time.passes(3600)
    wait(ledger, table, *map(email, range(3, 6)), run="later")
    wait(ledger, table, *map(email, range(6, 10)), error=UNKNOWN, run="later")
    wait(ledger, table, SMS, run="later")
