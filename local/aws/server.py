"""The HTTP server of the embedded AWS."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from local.aws import quicker, tasks
from local.aws.front import Front
from local.aws.runtime import Runtime

HOST = "127.0.0.1"
SHUTDOWN_POLL_SECONDS = 0.1


class Server:
    """Serves each request in a thread of its own while the ``with`` block runs.

    A state machine's executor calls back into this server, forty invocations at a time, while it holds threads of its
    own: a pool of threads of any fixed size could wait for itself.
    """

    def __init__(self, runtime: Runtime, folder: Path, smtp: tuple[str, int] | None) -> None:
        self._server = make_server(HOST, 0, _not_yet, threaded=True, request_handler=QuietHandler)
        self.port: int = self._server.server_port
        os.environ["MOTO_PORT"] = str(self.port)  # where the executor of state machines finds Lambda and SNS
        default_user_config["stepfunctions"] = {"execute_state_machine": True}
        self._front = Front(runtime, f"http://{HOST}:{self.port}", folder, smtp)
        self._server.app = self._front
        tasks.use()
        quicker.use()
        # its executor logs every failed state as an error, with the whole definition; the history has it too
        logging.getLogger("moto.stepfunctions.parser").setLevel(logging.CRITICAL)

    def __enter__(self) -> Server:
        """Start serving."""
        threading.Thread(target=self._server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and end every sandbox."""
        self._front.close()
        self._server.shutdown()
        self._server.server_close()


class QuietHandler(MotoRequestHandler):
    """moto's request handler without a line on stderr for every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def _not_yet(*_: Any) -> list[bytes]:
    raise RuntimeError("The server takes no request before its application is there.")
