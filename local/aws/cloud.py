"""The parts of the embedded AWS, put together."""

from __future__ import annotations

import json
from pathlib import Path

from local.aws.asynchronous import Asynchronous
from local.aws.events import Events
from local.aws.executions import Executions
from local.aws.functions import Functions
from local.aws.mail import Mailer, Server
from local.aws.mappings import Mappings
from local.aws.moves import Moves
from local.aws.polling import Polling
from local.aws.queues import Queues
from local.aws.runtime import Runtime
from local.aws.targets import Targets, to_topic


class Cloud:
    """Everything that runs beside moto."""

    def __init__(self, runtime: Runtime, endpoint: str, folder: Path, smtp: Server | None) -> None:
        self.targets = Targets()
        self.events = Events(self.targets.send)
        self.mailer = Mailer(smtp)
        self.functions = Functions(runtime, endpoint, folder)
        self.asynchronous = Asynchronous(self.functions, self.events, self.targets)
        self.executions = Executions(self.events)
        self.queues = Queues()
        self.moves = Moves(self.queues)
        self.polling = Polling(self.queues, self.functions)
        self.mappings = Mappings(self.queues, self.functions, self.polling)
        self.targets.register("lambda", self.asynchronous.submit_to)
        self.targets.register("sns", self._publish)
        self.targets.register("sqs", self.queues.send)
        self.targets.register("states", self.executions.start)
        self.targets.register("events", self._forward)

    def close(self) -> None:
        """Stop every process."""
        self.polling.close()
        self.asynchronous.close()
        self.functions.close()

    def _publish(self, arn: str, text: str) -> None:
        with self.queues.changed:  # a topic's subscriber can be a queue
            to_topic(arn, text)
            self.queues.changed.notify_all()
        self.mailer.post_new()

    def _forward(self, arn: str, text: str) -> None:
        """Put an event, from a rule whose target is another bus, on that bus."""
        event = json.loads(text)
        self.events.put(
            arn,
            source=event["source"],
            detail_type=event["detail-type"],
            detail=event["detail"],
            resources=event["resources"],
        )
