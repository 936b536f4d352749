"""Where messages arrive: a mail server and an SMS gateway that keep in memory what they accept, which is everything
unless a test or the demo has told their `refusals` otherwise."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

CUSTOMERS = "customers.example"
"""Domain of the application's recipients; mail to any other domain is for the people who run it."""

AWS = "no-reply@sns.amazonaws.com"
"""Sends the notifications; AWS does so over servers of its own, so they arrive whatever is refused to others."""


class Refusal(StrEnum):
    """Why a provider does not take a message."""

    DOWN = "down"
    FOR_NOW = "for now"
    FOR_GOOD = "for good"


class Refusals:
    """What a provider refuses: told by a test or the demo, asked by the threads that serve.

    Attributes
    ----------
    is_down
        Whether it takes nothing at all.
    seconds
        How long it takes to answer.
    met
        How often each recipient was refused.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.seconds = 0.0
        self.met: Counter[str] = Counter()
        self._left: dict[str, float] = {}
        self._for_good: set[str] = set()
        self._lock = threading.Lock()

    def for_now(self, recipient: str, times: float = math.inf) -> None:
        """Refuse a recipient so many times, or for ever, as one that may be tried again."""
        with self._lock:
            self._left[recipient] = times

    def for_good(self, recipient: str) -> None:
        """Refuse a recipient every time, as one that nobody should try again."""
        with self._lock:
            self._for_good.add(recipient)

    def end(self) -> None:
        """Take everything again, at once."""
        with self._lock:
            self.is_down, self.seconds = False, 0.0
            self._left.clear()
            self._for_good.clear()

    def meet(self, recipient: str) -> Refusal | None:
        """Give what a message for this recipient meets now; None where it is taken."""
        with self._lock:
            refusal = self._next(recipient)
            self.met[recipient] += refusal is not None
            return refusal

    def _next(self, recipient: str) -> Refusal | None:
        if recipient in self._for_good:
            return Refusal.FOR_GOOD
        if self.is_down:
            return Refusal.DOWN
        if self._left.get(recipient, 0) > 0:
            self._left[recipient] -= 1
            return Refusal.FOR_NOW
        return None


SMTP_ANSWERS = {
    Refusal.DOWN: "421 4.3.2 Service not available",
    Refusal.FOR_NOW: "451 4.2.1 Mailbox busy",
    Refusal.FOR_GOOD: "550 5.1.1 No such mailbox",
}
HTTP_ANSWERS = {
    Refusal.DOWN: (503, "out of service"),
    Refusal.FOR_NOW: (503, "the network is busy"),
    Refusal.FOR_GOOD: (400, "no such number"),
}


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived; `reference` is the id of the communication, for the application's."""

    sender: str
    recipient: str
    subject: str
    body: str
    reference: str | None


class MailSink:
    """An SMTP server on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusals = Refusals()
        self._controller = _Controller(self, hostname="127.0.0.1")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return "127.0.0.1", self._controller.port

    def __enter__(self) -> MailSink:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept a recipient or not; the name is aiosmtpd's."""
        if envelope.mail_from != AWS:
            await asyncio.sleep(self.refusals.seconds)
            if refusal := self.refusals.meet(address):
                return SMTP_ANSWERS[refusal]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail; the name is aiosmtpd's."""
        message = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)  # type: ignore[arg-type]
        body = message.get_body(("plain",))
        for recipient in envelope.rcpt_tos:
            self.mails.append(
                Mail(
                    sender=envelope.mail_from or "",
                    recipient=recipient,
                    subject=str(message["Subject"]),
                    body=body.get_content().replace("\r\n", "\n") if body else "",
                    reference=message["X-Communication-Id"],
                )
            )
        return "250 Message accepted for delivery"

    def notifications(self) -> list[Mail]:
        """Give the mails that AWS sent to the people who run the application."""
        return [mail for mail in self.mails if not mail.recipient.endswith("@" + CUSTOMERS)]

    def references(self) -> list[str]:
        """Give the ids of the emails that the application's customers got, in order."""
        return [mail.reference or "" for mail in self.mails if mail.recipient.endswith("@" + CUSTOMERS)]


class _Controller(Controller):
    """aiosmtpd's server in a thread, on a port the system chooses; its own way knows fixed ports only."""

    def __init__(self, handler: MailSink, hostname: str) -> None:
        # Said to be TCP, or asyncio leaves Nagle's algorithm on: 40 ms more for every mail.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind((hostname, 0))
        super().__init__(handler, hostname=hostname, port=self._socket.getsockname()[1])

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._socket)


@dataclass(frozen=True)
class Text:
    """An SMS as it arrived; `reference` is the id of the communication."""

    recipient: str
    text: str
    reference: str


class SmsGateway:
    """An SMS provider's API, `POST /messages {"to", "text", "reference"}`, on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.refusals = Refusals()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Messages,), {"gateway": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.1], daemon=True)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> SmsGateway:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def references(self) -> list[str]:
        """Give the ids of the SMS that the application's customers got, in order."""
        return [text.reference for text in self.texts]


class _Messages(BaseHTTPRequestHandler):
    gateway: SmsGateway
    wbufsize = -1  # an answer leaves in one packet

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.gateway.refusals.seconds)
        refusal = self.gateway.refusals.meet(body["to"])
        status, text = HTTP_ANSWERS[refusal] if refusal else (202, "accepted")
        if not refusal:
            self.gateway.texts.append(Text(body["to"], body["text"], body["reference"]))
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Be quiet: the terminal is the demo's."""
