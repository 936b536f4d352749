"""Topics' e-mail subscribers get their mail, by SMTP."""

from __future__ import annotations

import queue
import smtplib
import sys
import threading
from email.message import EmailMessage

from moto.sns.models import Subscription, Topic, sns_backends

from local.aws.protocol import ACCOUNT

SENDER = "AWS Notifications <no-reply@sns.amazonaws.com>"
DEFAULT_SUBJECT = "AWS Notification Message"
FOOTER = "--\nIf you wish to stop receiving notifications from this topic, please unsubscribe: {arn}\n"
TIMEOUT_SECONDS = 30


class Mailer:
    """Mails what topics were sent, in order, one by one.

    Every e-mail subscription counts as confirmed: on AWS a person clicks the link first. Filter policies are
    respected. A JSON message with a text per protocol (``MessageStructure``) is mailed whole.
    """

    def __init__(self, smtp: tuple[str, int] | None) -> None:
        self._smtp = smtp
        self._lock = threading.Lock()
        self._outbox: queue.Queue[EmailMessage] = queue.Queue()
        threading.Thread(target=self._send_for_ever, daemon=True).start()

    def post_new(self) -> None:
        """Mail what was published since the last call, and take it from moto, which would keep it."""
        with self._lock:
            for topic in [
                topic for backend in list(sns_backends[ACCOUNT].values()) for topic in backend.topics.values()
            ]:
                while topic.sent_notifications:
                    _, text, subject, attributes, _ = topic.sent_notifications.pop(0)
                    for subscriber in _subscribers(topic):
                        if _wants(subscriber, attributes, text):
                            self._outbox.put(_mail(subscriber, subject, text))

    def _send_for_ever(self) -> None:
        while True:
            mail = self._outbox.get()
            if self._smtp is None:
                print(f"No --smtp given, not mailed to {mail['To']}: {mail['Subject']}", file=sys.stderr)
                continue
            try:
                with smtplib.SMTP(*self._smtp, timeout=TIMEOUT_SECONDS) as connection:
                    connection.send_message(mail)
            except (OSError, smtplib.SMTPException) as reason:
                print(f"Not mailed to {mail['To']}: {reason}", file=sys.stderr)


def _subscribers(topic: Topic) -> list[Subscription]:
    subscriptions = list(topic.sns_backend.subscriptions.values())
    return [each for each in subscriptions if each.topic is topic and each.protocol in {"email", "email-json"}]


def _wants(subscriber: Subscription, attributes: dict[str, object] | None, text: str) -> bool:
    matcher = subscriber._filter_policy_matcher
    return matcher is None or matcher.matches(attributes, text)


def _mail(subscriber: Subscription, subject: str | None, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = SENDER
    mail["To"] = subscriber.endpoint
    mail["Subject"] = subject or DEFAULT_SUBJECT
    mail.set_content(f"{text}\n\n{FOOTER.format(arn=subscriber.arn)}")
    return mail
