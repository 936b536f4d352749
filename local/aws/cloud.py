"""The parts of the embedded AWS, put together."""

from __future__ import annotations

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


class Cloud:
    """Everything that runs beside moto."""

    def __init__(self, runtime: Runtime, endpoint: str, folder: Path, smtp: Server | None) -> None:
        self.mailer = Mailer(smtp)
        self.functions = Functions(runtime, endpoint, folder)
        self.asynchronous = Asynchronous(self.functions)
        self.executions = Executions(Events(self.asynchronous.send))
        self.queues = Queues()
        self.moves = Moves(self.queues)
        self.polling = Polling(self.queues, self.functions)
        self.mappings = Mappings(self.queues, self.functions, self.polling)

    def close(self) -> None:
        """Stop every process."""
        self.polling.close()
        self.asynchronous.close()
        self.functions.close()
