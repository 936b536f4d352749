"""Servers of real frameworks and of shapes, what they list, and the settings that docs/apis.md gives for them."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.processes import ProcessFailed, running, tail
from redrive.api import Api
from redrive.check import check
from redrive.listing import Listing
from redrive.secrets import Secrets
from redrive.settings import ApiSettings, CheckSettings, RequeueSettings, Source
from tests.apis import documented, installing
from tests.plan.conftest import endpoint, planned  # noqa: F401 (a fixture)
from tests.plan.planned import Plan
from tests.waiting import without_waiting

FRAMEWORKS: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("frameworks.toml").read_text("utf-8"))
SERVER_OF = {row: name for name, framework in FRAMEWORKS.items() for row in framework["rows"]}
PATHS = {row: path for framework in FRAMEWORKS.values() for row, path in framework["rows"].items()}
SECONDS_TO_START = 60.0


class Emails:
    """What every server lists: emails that failed among others that were sent, in a file and in a database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._database = sqlite3.connect(folder / "items.db", check_same_thread=False)
        self._database.execute("CREATE TABLE emails (id INTEGER PRIMARY KEY, status TEXT NOT NULL)")
        self.status: dict[int, str] = {}
        self.put({})

    def put(self, status: dict[int, str]) -> None:
        """Have these emails, by id, and no others."""
        self.status = dict(sorted(status.items()))
        listed = [{"id": id_, "status": status} for id_, status in self.status.items()]
        written = self.folder / "items.json.new"
        written.write_text(json.dumps({"emails": listed}))
        written.replace(self.folder / "items.json")  # in one go: a server may be reading
        with self._database:
            self._database.execute("DELETE FROM emails")
            self._database.executemany("INSERT INTO emails VALUES (:id, :status)", listed)

    def put_failed(self, count: int) -> None:
        """Have so many that failed, and half as many between them that were sent."""
        status = {1000 + 3 * number: "failed" for number in range(count)}
        self.put(status | {1001 + 6 * number: "sent" for number in range((count + 1) // 2)})

    def change(self, status: dict[int, str]) -> None:
        """Let some be of another status, or come."""
        self.put(self.status | status)

    @property
    def failed(self) -> set[str]:
        """The ids of those that failed."""
        return {str(id_) for id_, status in self.status.items() if status == "failed"}


@dataclass
class Served:
    """A row's API as it is served, with its documented settings."""

    row: str
    api: ApiSettings
    source: Source
    emails: Emails

    def listing(self, **pagination: Any) -> Listing:
        """Give a listing by the documented settings, or with some of ``pagination`` otherwise."""
        return Listing(self._sources(pagination), Api(self.api, without_waiting, Secrets()), lambda: True)

    def traps(self, **pagination: Any) -> list[dict[str, str]]:
        """Give the traps that a check sees in them."""
        settings = CheckSettings(self.api, self._sources(pagination), RequeueSettings("/requeue"))
        found: list[dict[str, str]] = check(settings, Secrets(), 60, make_retry=without_waiting)["sources"]["email"][
            "traps"
        ]
        return found

    def _sources(self, pagination: dict[str, Any]) -> dict[str, Source]:
        return {"email": self.source._replace(pagination=self.source.pagination._replace(**pagination))}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for a ``row`` for each of them."""
    if "row" in metafunc.fixturenames:
        rows = [
            pytest.param(row, marks=() if FRAMEWORKS[name].get("always") else pytest.mark.whole)
            for row, name in SERVER_OF.items()
        ]
        metafunc.parametrize("row", rows, scope="session")


@pytest.fixture(scope="session")
def plan_of_rows(endpoint: str) -> tuple[Plan, dict[str, tuple[str, str]]]:  # noqa: F811 (the fixture)
    """The plan of calls with every row's lines."""
    table = [row for row in documented.rows() if row.api in PATHS]
    configuration, places = documented.plannable(table, PATHS)
    return planned(configuration, endpoint), places


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], tuple[str, Emails]]]:
    """Start a server where it is not running; gives its URL and what it lists."""
    started: dict[str, tuple[str, Emails]] = {}
    with ExitStack() as stack:

        def serving(name: str) -> tuple[str, Emails]:
            if name not in started:
                command = installing.command(name, FRAMEWORKS[name]["app"])
                folder = tmp_path_factory.mktemp(name)
                emails, port, log = Emails(folder), free_port(), folder / "log"
                words, variables = [*command.words, str(port), str(folder)], os.environ | command.variables
                process = stack.enter_context(running(words, log, grace=1, env=variables, cwd=folder))
                wait_for(port, process, log)
                started[name] = f"http://127.0.0.1:{port}", emails
            return started[name]

        yield serving


def free_port() -> int:
    """Give a port that nothing listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[str], log: Path) -> None:
    """Return once the server accepts connections."""
    until = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise ProcessFailed(f"the server did not become ready.\n{tail(log)}") from None
            time.sleep(0.05)
        else:
            return


@pytest.fixture
def served(
    row: str,
    serve: Callable[[str], tuple[str, Emails]],
    plan_of_rows: tuple[Plan, dict[str, tuple[str, str]]],
) -> Served:
    """The row's API, listing nothing yet."""
    plan, places = plan_of_rows
    api, source = documented.settings_of(plan, places[row])
    url, emails = serve(SERVER_OF[row])
    emails.put({})
    return Served(row, api._replace(base_url=url), source, emails)
