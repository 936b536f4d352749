"""What goes wrong here by contract: refusals that a client of AWS would get, and a machine that lacks something."""

from __future__ import annotations


class Refusal(Exception):
    """An error answer of AWS: HTTP status, error code and message.

    Parameters
    ----------
    status
        HTTP status of the answer.
    code
        AWS's error code, such as ``ResourceNotFoundException``.
    message
        What a person reads.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Unavailable(Exception):
    """This machine cannot run the embedded AWS; the message says what to do about it."""


def unknown_function(arn: str) -> Refusal:
    """Refuse an invocation of a function that is not deployed."""
    return Refusal(404, "ResourceNotFoundException", f"Function not found: {arn}")


def throttled(reason: str) -> Refusal:
    """Refuse an invocation above a concurrency limit (Lambda API reference, Invoke: TooManyRequestsException)."""
    return Refusal(429, "TooManyRequestsException", f"Rate Exceeded. ({reason})")
