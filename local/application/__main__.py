"""Run the application: ``python -m local.application --database app.db --smtp HOST:PORT --gateway URL``.

It serves on 127.0.0.1 until SIGTERM or SIGINT, or until the process that started it has gone.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable
from pathlib import Path

from waitress import create_server  # type: ignore[import-untyped]

from local.application.api import create
from local.application.providers import Providers
from local.application.store import Store
from local.application.worker import Worker
from local.processes import announce, told_to_stop


def main() -> None:
    """Serve the API and work off the queue, or the outbox, until told to stop."""
    asked = _arguments()
    stop = told_to_stop()
    store, (host, _, port) = Store(asked.database), asked.smtp.rpartition(":")
    providers = Providers((host, int(port)), asked.gateway)
    api = create(store, providers, has_outbox=bool(asked.delivery_queue))
    server = create_server(api, host="127.0.0.1", port=0, threads=16)
    threading.Thread(target=server.run, daemon=True).start()
    background = threading.Thread(target=_background(asked, store, providers), args=[stop])
    background.start()
    announce(asked.ready_file, server.effective_port)
    background.join()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.application", description=__doc__)
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT", help="the mail server")
    parser.add_argument("--gateway", required=True, metavar="URL", help="the SMS gateway")
    parser.add_argument(
        "--delivery-queue",
        nargs=3,
        metavar=("ENDPOINT", "QUEUE", "ROLE"),
        help="send queue entries to SQS: the URL of AWS, the queue's name, and the name of the role that may; "
        "without it the application has a queue and a worker of its own",
    )
    parser.add_argument("--ready-file", type=Path, required=True, help="written when it serves: port, pid, url")
    return parser.parse_args()


def _background(asked: argparse.Namespace, store: Store, providers: Providers) -> Callable[[threading.Event], None]:
    """Give what runs beside the API."""
    if not asked.delivery_queue:
        return Worker(store, providers).run
    from local.application.outbox import Relay  # imports boto3, which takes longer than all the rest

    return Relay(store, *asked.delivery_queue).run


if __name__ == "__main__":
    main()
