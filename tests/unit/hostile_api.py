"""An API that does what it can against whoever reads it, with one good list among its bad ones."""

from __future__ import annotations

import gzip
import itertools
import json
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import parse_qs, urlsplit

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
MEGABYTE = 2**20
GOOD = [f"good-{number}" for number in range(250)]
ENDS_AFTER_SECONDS = 30.0
"""What never ends by itself ends so, where nobody has hung up before: the server must not outlive its test."""

Script = Callable[[dict[str, list[str]]], Iterator[bytes]]


def _json(value: object) -> Iterator[bytes]:
    yield HEAD + b"\r\n" + json.dumps(value).encode()


def _again_and_again(begin: bytes, part: bytes, pause: float = 0.0) -> Iterator[bytes]:
    yield begin
    until = time.monotonic() + ENDS_AFTER_SECONDS
    while time.monotonic() < until:
        yield part
        time.sleep(pause)


def _filled(unit: bytes, megabytes: int) -> Iterator[bytes]:
    """Give a list of alike values of so many megabytes, a megabyte at a time."""
    part = unit * (MEGABYTE // len(unit))
    yield HEAD + b"\r\n["
    yield from itertools.repeat(part, megabytes - 1)
    yield part.rstrip(b",") + b"]"


@cache
def _bomb(times: int) -> bytes:
    """Give an answer of few bytes that unpacks to 200 megabytes of blanks."""
    packing = zlib.compressobj(wbits=31)
    parts = [packing.compress(b" " * MEGABYTE) for _ in range(200)]
    packed = b"".join([*parts, packing.flush()])
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    encoding = ", ".join(["gzip"] * times).encode()
    return HEAD + b"Content-Encoding: " + encoding + b"\r\n\r\n" + packed


def _good(asked: dict[str, list[str]]) -> Iterator[bytes]:
    start = int(asked.get("cursor", ["0"])[0])
    following = start + 50 if start + 50 < len(GOOD) else None
    return _json({"items": [{"id": id_} for id_ in GOOD[start : start + 50]], "next": following})


def _new_ids(count: int, letters: int, asked: dict[str, list[str]]) -> Iterator[bytes]:
    number = int(asked.get("cursor", ["t0"])[0][1:])
    items = [{"id": f"{number}-{n}".ljust(letters, "x")} for n in range(count)]
    return _json({"items": items, "next": f"t{number + 1}"})


SCRIPTS: dict[str, Script] = {
    "good": _good,
    "body-drips": lambda asked: _again_and_again(HEAD + b"\r\n[", b" ", 0.05),
    "headers-drip": lambda asked: _again_and_again(HEAD, b"X-More: 1\r\n", 0.05),
    "status-drips": lambda asked: _again_and_again(b"HTTP/1.1 200 ", b"O", 0.05),
    "continues": lambda asked: _again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers": lambda asked: _again_and_again(HEAD, b"X-Flood: 1\r\n" * 1000),
    "one-header": lambda asked: iter([HEAD + b"X-Flood: " + b"x" * (10 * MEGABYTE) + b"\r\n\r\n[]"]),
    "trailers": lambda asked: _again_and_again(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n", b"X-Flood: 1\r\n" * 1000
    ),
    "chunk-size": lambda asked: _again_and_again(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * MEGABYTE),
    "bomb": lambda asked: iter([_bomb(1)]),
    "bomb-in-a-bomb": lambda asked: iter([_bomb(2)]),
    "deep": lambda asked: _filled(b"[", 15),
    "deep-but-small": lambda asked: iter([HEAD + b"\r\n" + b'{"items":' * 30_000]),
    "100-megabytes": lambda asked: _filled(b'{"id": 1234567},', 100),
    "many-lists": lambda asked: _filled(b"[],", 15),
    "nested-lists": lambda asked: _filled(b"[[[[[]]]]],", 15),
    "many-objects": lambda asked: _filled(b'{"a":{}},', 15),
    "many-numbers": lambda asked: _filled(b"1e9,", 15),
    "many-ids": lambda asked: _filled(b'{"id": "1"},', 15),
    "large-page": lambda asked: itertools.chain(
        [HEAD + b'\r\n{"next": "again", "items": ["', "\N{GRINNING FACE}".encode()],
        itertools.repeat(b"x" * MEGABYTE, 9),
        [b'"]}'],
    ),
    "endless-large-pages": lambda asked: _new_ids(20_000, 120, asked),
    "endless-pages": lambda asked: _new_ids(1, 10, asked),
    "endless-empty-pages": lambda asked: _new_ids(0, 0, asked),
    "endless-token": lambda asked: _json({"items": [{"id": "1"}], "next": "x" * (10 * MEGABYTE)}),
    "redirects": lambda asked: iter([b"HTTP/1.1 302 Found\r\nLocation: /redirects\r\nContent-Length: 0\r\n\r\n"]),
    "comes-never": lambda asked: iter([b"HTTP/1.1 503 No\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n"]),
    "hangs-up": lambda asked: iter([]),
    "is-cut-off": lambda asked: iter([HEAD + b"Content-Length: 100\r\n\r\n[1"]),
    "is-no-http": lambda asked: iter([b"SSH-2.0-OpenSSH_9.6\r\n" * 1000]),
}


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            parts = urlsplit(self.rfile.readline(65536).split()[1].decode())
            while self.rfile.readline(65536).strip():
                pass
            for part in SCRIPTS[parts.path.strip("/")](parse_qs(parts.query)):
                self.wfile.write(part)
        except (OSError, IndexError):
            pass  # it was hung up on


class HostileApi(socketserver.ThreadingTCPServer):
    """Serves each script under its name, a connection for each request."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()
