"""The relay: sends what is in the outbox to the delivery queue.

It may do what the application's role permits, which is to send to that queue: it may not ask SQS for the queue's URL,
but knows how one is made.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.application.store import Store

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ACCOUNT, REGION = "123456789012", "eu-west-1"
PAUSE = 0.2  # seconds between looks at an empty outbox
PAUSE_IN_TROUBLE = 1.0  # seconds before AWS is asked again


@dataclass
class Relay:
    """Empties the outbox, which is the table `queue`, until it is told to stop.

    Parameters
    ----------
    endpoint
        URL of AWS.
    queue
        Name of the queue. Neither it nor the role has to be there yet.
    role
        Name of the application's role.
    """

    store: Store
    endpoint: str
    queue: str
    role: str
    _sqs: SQSClient | None = field(default=None, init=False)

    def run(self, stop: threading.Event) -> None:
        """Relay until `stop` is set; in trouble with AWS or the database say what is the matter, and try again."""
        while not stop.is_set():
            try:
                if not self.work():
                    stop.wait(PAUSE)
            except (BotoCoreError, ClientError, sqlite3.Error) as error:
                self._sqs = None  # its credentials may have expired, or be older than the role's policy
                print(f"The outbox waits: {error}", file=sys.stderr, flush=True)
                stop.wait(PAUSE_IN_TROUBLE)

    def work(self) -> bool:
        """Send the next entry that is due; tell whether there was one.

        It leaves the outbox after SQS has accepted it. A crash in between sends it again: the same four values, so that
        whoever receives both knows them for one entry.

        Raises ``BotoCoreError`` or ``ClientError``: AWS did not accept it.
        """
        rows = self.store.query("SELECT * FROM queue WHERE due <= ? ORDER BY position LIMIT 1", time.time())
        if not rows:
            return False
        [row] = rows
        entry = {
            "primaryId": row["id"],
            "operation": row["operation"],
            "createdBy": row["created_by"],
            "created": row["created"],
        }
        self._sqs = self._sqs or self._connect()
        self._sqs.send_message(QueueUrl=f"{self.endpoint}/{ACCOUNT}/{self.queue}", MessageBody=json.dumps(entry))
        with self.store.transaction() as database:
            database.execute("DELETE FROM queue WHERE position = ?", [row["position"]])
            database.execute(  # by now it may be sent
                "UPDATE communication SET status = 'queued' WHERE id = ? AND status = 'composed'", [row["id"]]
            )
        return True

    def _connect(self) -> SQSClient:
        """Take the role and make a client of SQS with its credentials."""
        settings = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})
        own = boto3.Session("local", "local", region_name=REGION)  # on AWS: what the machine it runs on may
        sts = own.client("sts", endpoint_url=self.endpoint, config=settings)
        role = f"arn:aws:iam::{ACCOUNT}:role/{self.role}"
        taken = sts.assume_role(RoleArn=role, RoleSessionName="application")["Credentials"]
        keys = taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"]
        as_role = boto3.Session(*keys, region_name=REGION)
        return as_role.client("sqs", endpoint_url=self.endpoint, config=settings)
