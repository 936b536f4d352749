"""An API that counts: how many requests it is asked at a time, and when each began and ended.

``python -m bench.capacity --ready-file FILE --failed 2000 --milliseconds 100`` serves HTTP on a free port of 127.0.0.1.
It lists so many failed communications, a page after the other, and takes each back after so many milliseconds.
``GET /counted`` gives ``{"requests": [[start, end], …]}`` of everything requeued, in seconds of one clock.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from pathlib import Path

from bench.server import NOT_FOUND, OPAQUE, Connection, page, response, serve

LIST = re.compile(rb"GET /failed\?(?:.*&)?cursor=(\d+)")


class Counting:
    """What was requeued."""

    def __init__(self, failed: int, seconds: float) -> None:
        self.failed, self.seconds = failed, seconds
        self.requests: list[list[float]] = []


class CountedConnection(Connection):
    """One kept connection; requests come one after the other."""

    def __init__(self, counting: Counting) -> None:
        super().__init__()
        self._counting = counting

    def answer(self, head: bytes, body: bytes) -> None:  # noqa: ARG002 (only what was asked for counts)
        """Answer one request, one that requeues after a while."""
        counting = self._counting
        if head.startswith(b"POST /requeue"):
            times = [time.monotonic()]
            counting.requests.append(times)
            asyncio.get_running_loop().call_later(counting.seconds, self._accept, times)
        elif listed := LIST.match(head):
            self.transport.write(page(counting.failed, int(listed[1]) % OPAQUE))
        elif head.startswith(b"GET /counted"):
            self.transport.write(response({"requests": counting.requests}))
        else:
            self.transport.write(NOT_FOUND)

    def _accept(self, times: list[float]) -> None:
        times.append(time.monotonic())
        self.transport.write(response({"status": "queued"}, "202 Accepted"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True, help="JSON with the url, when it serves")
    parser.add_argument("--failed", type=int, required=True)
    parser.add_argument("--milliseconds", type=float, required=True)
    asked = parser.parse_args()
    counting = Counting(asked.failed, asked.milliseconds / 1000)
    asyncio.run(serve(asked.ready_file, lambda: CountedConnection(counting)))
