"""The providers: email goes to a mail server by SMTP, SMS to a gateway's HTTP API."""

from __future__ import annotations

import smtplib
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import requests

SENDER = "no-reply@shop.example"
TIMEOUT_SECONDS = 5.0
"""For each step of the conversation, of which SMTP has seven."""

TRANSIENT = {408, 425, 429}
"""Answers of an HTTP API that are below 500 and yet no refusal."""


class NotDelivered(Exception):
    """A provider did not take a communication; the message is what it said.

    Attributes
    ----------
    code
        Its answer without its words, for they may name the recipient: `SMTP 451`, `gateway 503`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Refused(NotDelivered):
    """It does not want this one, now or later."""


class Unavailable(NotDelivered):
    """It may take it later."""


@dataclass(frozen=True)
class Providers:
    """Where the providers are.

    Parameters
    ----------
    smtp
        Host and port of the mail server.
    gateway
        URL of the SMS gateway; a message is POSTed to `<gateway>/messages`.
    """

    smtp: tuple[str, int]
    gateway: str

    def deliver(self, row: dict[str, Any]) -> None:
        """Hand a communication to its provider.

        Raises ``Refused`` or ``Unavailable``: it was not taken. No answer says the same and need not be true:
        nobody knows whether it was taken.
        """
        if row["kind"] == "email":
            self._mail(row)
        else:
            self._text(row)

    def _mail(self, row: dict[str, Any]) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = SENDER, row["recipient"], row["subject"]
        message["X-Communication-Id"] = row["id"]
        message.set_content(row["body"])
        try:
            with closing(smtplib.SMTP(*self.smtp, timeout=TIMEOUT_SECONDS)) as server:
                server.send_message(message)
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()  # whatever it says to that, it has the message
        except smtplib.SMTPRecipientsRefused as error:
            [(code, text)] = error.recipients.values()
            raise _smtp(code, text) from error
        except smtplib.SMTPResponseException as error:
            raise _smtp(error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable("mail server", f"{type(error).__name__}: {error}") from error

    def _text(self, row: dict[str, Any]) -> None:
        text = {"to": row["recipient"], "text": row["body"], "reference": row["id"]}
        try:
            answer = requests.post(f"{self.gateway}/messages", json=text, timeout=TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise Unavailable("gateway", f"{type(error).__name__}: {error}") from error
        if not answer.ok:
            is_refusal = answer.status_code < 500 and answer.status_code not in TRANSIENT
            raise (Refused if is_refusal else Unavailable)(f"gateway {answer.status_code}", answer.text)


def _smtp(code: int, text: bytes | str) -> NotDelivered:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return (Refused if 500 <= code < 600 else Unavailable)(f"SMTP {code}", said)
