"""Run the application: ``python -m local.application --database app.db --smtp HOST:PORT --gateway URL``.

It serves on 127.0.0.1 until SIGTERM or SIGINT, or until the process that started it has gone.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from waitress import create_server  # type: ignore[import-untyped]

from local.application.api import create
from local.application.store import Store
from local.application.worker import Worker


def main() -> None:
    """Serve the API and work off the queue until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.application", description=__doc__)
    parser.add_argument("--database", type=Path, required=True, help="the SQLite file")
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT", help="the mail server")
    parser.add_argument("--gateway", required=True, metavar="URL", help="the SMS gateway")
    parser.add_argument("--port", type=int, default=0, help="0, the default: a free one")
    parser.add_argument("--ready-file", type=Path, required=True, help="written when it serves: port, pid, url")
    asked = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    store = Store(asked.database)
    server = create_server(create(store), host="127.0.0.1", port=asked.port, threads=16)
    threading.Thread(target=server.run, daemon=True).start()
    host, _, port = asked.smtp.rpartition(":")
    worker = threading.Thread(target=Worker(store, (host, int(port)), asked.gateway).run, args=[stop])
    worker.start()

    ready = {
        "port": server.effective_port,
        "pid": os.getpid(),
        "url": f"http://127.0.0.1:{server.effective_port}",
    }
    unfinished = asked.ready_file.with_suffix(".part")
    unfinished.write_text(json.dumps(ready))
    unfinished.rename(asked.ready_file)  # so that nobody reads half of it

    parent = os.getppid()
    while not stop.wait(0.5):
        if os.getppid() != parent:
            stop.set()
    worker.join()


if __name__ == "__main__":
    main()
