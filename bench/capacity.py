"""An API that counts: how many requests it is asked at a time, and when each began and ended.

``python -m bench.capacity --ready-file FILE --failed 2000 --milliseconds 100`` serves HTTP on a free port of 127.0.0.1.
It lists so many failed communications, a page after the other, and takes each back after so many milliseconds.
``GET /counted`` gives ``{"requests": [[start, end], …]}`` of everything requeued, in seconds of one clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import time
from pathlib import Path
from typing import Any

from bench.server import LENGTH, NOT_FOUND, page, response

LIST = re.compile(rb"GET /failed\?(?:.*&)?cursor=(\d+)")


class Counting:
    """What was requeued."""

    def __init__(self, failed: int, seconds: float) -> None:
        self.failed, self.seconds = failed, seconds
        self.requests: list[list[float]] = []


class Connection(asyncio.Protocol):
    """One kept connection; requests come one after the other."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = LENGTH.search(head)
            until = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < until:
                return
            self._received = self._received[until:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        counting = self._counting
        if head.startswith(b"POST /requeue"):
            times = [time.monotonic()]
            counting.requests.append(times)
            asyncio.get_running_loop().call_later(counting.seconds, self._accept, times)
        elif listed := LIST.match(head):
            self._transport.write(page(counting.failed, int(listed[1])))
        elif head.startswith(b"GET /counted"):
            self._transport.write(response({"requests": counting.requests}))
        else:
            self._transport.write(NOT_FOUND)

    def _accept(self, times: list[float]) -> None:
        times.append(time.monotonic())
        self._transport.write(response({"status": "queued"}, "202 Accepted"))


async def serve(ready_file: Path, counting: Counting) -> None:
    """Serve until asked to end."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: Connection(counting), "127.0.0.1", 0)
    unfinished = ready_file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"url": "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())}))
    unfinished.replace(ready_file)
    async with server:
        await ended.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True, help="JSON with the url, when it serves")
    parser.add_argument("--failed", type=int, required=True)
    parser.add_argument("--milliseconds", type=float, required=True)
    asked = parser.parse_args()
    asyncio.run(serve(asked.ready_file, Counting(asked.failed, asked.milliseconds / 1000)))
