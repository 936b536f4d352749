"""The HTTP server of the embedded AWS."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.core.config import default_user_config
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from local.aws import quicker, tasks
from local.aws.front import Front
from local.aws.runtime import Runtime

HOST = "127.0.0.1"
SHUTDOWN_POLL_SECONDS = 0.1


@contextmanager
def serving(runtime: Runtime, folder: Path, smtp: tuple[str, int] | None) -> Iterator[int]:
    """Serve each request in a thread of its own while the block runs; give the port.

    A state machine's executor calls back into this server, forty invocations at a time, while it holds threads of its
    own: a pool of threads of any fixed size could wait for itself.
    """
    server = make_server(HOST, 0, lambda *_: [], threaded=True, request_handler=MotoRequestHandler)
    os.environ["MOTO_PORT"] = str(server.server_port)  # where the executor of state machines finds Lambda and SNS
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    front = Front(runtime, f"http://{HOST}:{server.server_port}", folder, smtp)
    server.app = front
    tasks.use()
    quicker.use()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for every request
    # its executor logs every failed state as an error, with the whole definition; the history has it too
    logging.getLogger("moto.stepfunctions.parser").setLevel(logging.CRITICAL)
    threading.Thread(target=server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), daemon=True).start()
    try:
        yield server.server_port
    finally:
        front.close()
        server.shutdown()
        server.server_close()
