"""The local stack: sinks, application, embedded AWS and the module deployed to it, for as long as a block lasts.

    with Stack(failed=47) as stack:
        stack.apply(batch_size=20)
        run = stack.fire()

With `delivery_queue=True` the application has no queue of its own: the module's does its work.

Every server listens on a port of 127.0.0.1 that the system chose, and every run has a folder of its own: any number of
stacks run side by side.
"""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from local.application import seed
from local.application.store import Store
from local.deploy import ROOT, Deployment, Watcher, bypass_proxies
from local.processes import serving
from local.sinks import MailSink, Refusals, SmsGateway

REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
OPERATORS = "ops@example.com"

QUEUE = "communications-redrive-local-queue"
APPLICATION_ROLE = "application"
MAX_RECEIVES = 3
OFFSET = "REDRIVE_CLOCK_OFFSET_FILE"
SEND = "/communications/{primaryId}/send"
DELIVERY_QUEUE = {
    "enabled": True,
    "ttl_seconds": 1,
    "backoff_rate": 1,
    "max_receives": MAX_RECEIVES,
    "worker": {
        "paths": {"send.email": SEND, "send.sms": SEND, "send.communications": SEND},
        "timeout_seconds": 5,
        "given_up_path": "/communications/{primaryId}/given-up",
    },
}
"""The module's `queue`: quicker than in earnest, so that a demo is worth watching."""


class Stack:
    """Everything on one machine.

    Parameters
    ----------
    failed
        How many failed communications the application's database begins with.
    delivery_queue
        Whether the application uses the module's queue and worker instead of its own.
    name
        Begins the name of the run's folder under `.local/`.

    Attributes
    ----------
    keeps_folder
        Whether the run's folder stays when the block ends: for its logs, when something went wrong.
    clock
        By how many seconds the functions' clock goes ahead.
    """

    def __init__(self, failed: int, name: str = "run", *, delivery_queue: bool = False) -> None:
        self.failed = failed
        self.delivery_queue = delivery_queue
        self.token = secrets.token_urlsafe(24)
        self.outputs: dict[str, Any] = {}
        self.clock = 0.0
        self._name = name
        self.keeps_folder = False
        self._exits = ExitStack()
        self._clients: dict[str, Any] = {}
        self._making_clients = threading.Lock()

    def __enter__(self) -> Stack:
        bypass_proxies()
        with self._exits:
            self._start()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def _start(self) -> None:
        (ROOT / ".local").mkdir(exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self._name}-", dir=ROOT / ".local"))
        self._exits.callback(self._leave_folder)
        self.mails = self._exits.enter_context(MailSink())
        self.gateway = self._exits.enter_context(SmsGateway())

        database = self.folder / "application.db"
        self.store = Store(database)
        self.store.accept_token(self.token)
        seed.fill(self.store, self.failed)
        self.expected = seed.expected(self.store)

        smtp = "{}:{}".format(*self.mails.address)
        self.endpoint = self._serve("local.aws", ["--smtp", smtp])["url"]
        application = ["--database", str(database), "--smtp", smtp, "--gateway", self.gateway.url]
        if self.delivery_queue:
            application += ["--delivery-queue", self.endpoint, QUEUE, APPLICATION_ROLE]
        self.application_url = self._serve("local.application", application)["url"]
        self.deployment = Deployment(self.folder)

    def _serve(self, module: str, arguments: list[str]) -> dict[str, Any]:
        return self._exits.enter_context(serving(module, arguments, self.folder))

    def _leave_folder(self) -> None:
        if not self.keeps_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, service: str) -> Any:
        """Give a boto3 client that talks to the embedded AWS: one for each service, for making one takes its time."""
        with self._making_clients:
            if service not in self._clients:
                self._clients[service] = boto3.client(  # type: ignore[call-overload]
                    service,
                    endpoint_url=self.endpoint,
                    region_name=REGION,
                    aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
                    aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
                    config=Config(retries={"total_max_attempts": 2}, read_timeout=330),
                )
            return self._clients[service]

    def apply(self, watch: Watcher = lambda _line: None, **variables: Any) -> None:
        """Keep the application's token as a secret, then apply the module; outputs are in `outputs`.

        Parameters
        ----------
        watch
            Gets each line that Terraform prints.
        **variables
            Of `local/deployment`, besides those that say where the stack's servers are.
        """
        self.secret_arn = self.client("secretsmanager").create_secret(
            Name="application-token", SecretString=json.dumps({"token": self.token})
        )["ARN"]
        given = {"endpoint": self.endpoint, "region": REGION, "api_url": self.application_url}
        given |= {"api_secret_arn": self.secret_arn, "email": OPERATORS}
        if self.delivery_queue:
            given["queue"] = DELIVERY_QUEUE
        self.outputs = self.deployment.apply(given | variables, watch)["redrive"]

    def refusals(self, message: Mapping[str, Any]) -> Refusals:
        """Give what the provider of a message, an email or an SMS, can be told to refuse."""
        return self.mails.refusals if message["kind"] == "email" else self.gateway.refusals

    def let_providers_recover(self) -> None:
        """Let the providers take everything again."""
        self.mails.refusals.end()
        self.gateway.refusals.end()

    def show_dashboard(self, role: str = "") -> str:
        """Serve the deployed dashboard, as somebody with a role sees it; give its address."""
        arguments = ["--endpoint", self.endpoint, "--name", self.outputs["dashboard"]["name"]]
        folder = Path(tempfile.mkdtemp(prefix="dashboard-", dir=self.folder))
        ready = serving("local.dashboard", [*arguments, *(["--role", role] if role else [])], folder)
        return str(self._exits.enter_context(ready)["url"])

    def schedule(self) -> dict[str, str]:
        """Give the group and the name of the deployed schedule."""
        _, group, name = self.outputs["schedule_arn"].split("/")
        return {"GroupName": group, "Name": name}

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a deployed function and wait for its answer: what it gave, or `errorType` and `errorMessage`."""
        name = self.outputs["function_names"][function]
        answer = self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        given: dict[str, Any] = json.load(answer["Payload"])
        return given

    def move_clocks(self, seconds: float) -> None:
        """Move the clock of every function, so that a cooldown passes at once.

        They read it from a file: whenever their configuration changes, all of their sandboxes are started anew.
        """
        self.clock += seconds
        clock, moved = self.folder / "clock", self.folder / "clock.new"
        moved.write_text(str(self.clock))
        moved.replace(clock)  # in one go: functions are reading it
        client = self.client("lambda")
        for name in self.outputs["function_names"].values():
            variables = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            if OFFSET not in variables:
                environment = {"Variables": {**variables, OFFSET: str(clock)}}
                client.update_function_configuration(FunctionName=name, Environment=environment)

    def fire(self, scheduled_time: str | None = None) -> dict[str, Any]:
        """Let the deployed schedule fire, as EventBridge Scheduler would at `scheduled_time` (default: now).

        Returns
        -------
        dict
            `scheduledTime` and `executionId` of the firing.
        """
        url = f"{self.endpoint}/_local/schedules/{'/'.join(self.schedule().values())}/fire"
        answer = requests.post(url, json={"scheduledTime": scheduled_time} if scheduled_time else {}, timeout=30)
        answer.raise_for_status()
        fired: dict[str, Any] = answer.json()
        return fired


def wait_until(done: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait until `done()` is true; raises ``TimeoutError``: after `seconds`, naming what was waited for."""
    give_up = time.monotonic() + seconds
    while not done():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.1)
