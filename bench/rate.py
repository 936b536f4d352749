"""How many requests a second the benchmark's server answers: it must outrun the client by far."""

from __future__ import annotations

import selectors
import socket
import time
from urllib.parse import urlsplit

CONNECTIONS = 8
SECONDS = 1.0


def pages_per_second(url: str) -> float:
    """Ask for a page of the list over several connections at once; the client does nothing but count the bytes."""
    place = urlsplit(url)
    request = f"GET /failed/1000?cursor=0 HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode()
    from bench.server import page

    length, answered = len(page(1000, 0)), 0
    with selectors.DefaultSelector() as ready:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection((place.hostname, place.port))
            connection.sendall(request)
            ready.register(connection, selectors.EVENT_READ, [length])
        started = time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            for key, _ in ready.select():
                key.data[0] -= len(key.fileobj.recv(1 << 17))  # type: ignore[union-attr]
                if key.data[0] == 0:
                    answered, key.data[0] = answered + 1, length
                    key.fileobj.sendall(request)  # type: ignore[union-attr]
        seconds = time.perf_counter() - started
        for key in list(ready.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return answered / seconds
