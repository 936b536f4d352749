"""What became of a request that got no answer, in words for a person: without its URL and headers."""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any

import requests
from urllib3.exceptions import ConnectTimeoutError, InvalidHeader, NameResolutionError, ReadTimeoutError

TLS_TROUBLE = {
    10: "the certificate has expired",
    62: "the certificate is another host's",
    64: "the certificate is another address's",
}
"""By OpenSSL's code of a verification (X509_V_ERR_…)."""


def in_words(error: requests.RequestException) -> str:
    """Say what became of a request that got no answer, without its URL and headers."""
    causes = _causes(error)
    if any(isinstance(cause, NameResolutionError | socket.gaierror) for cause in causes):
        return "no connection: unknown host"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "no connection: refused, nothing listens there"
    if isinstance(error, requests.exceptions.ProxyError):
        return "no connection: the proxy does not make one"
    if isinstance(error, requests.exceptions.SSLError):
        return f"no TLS connection: {_tls_trouble(causes)}"
    if isinstance(error, requests.ConnectTimeout) or any(isinstance(cause, ConnectTimeoutError) for cause in causes):
        return "no connection in time"
    if isinstance(error, requests.ReadTimeout) or any(isinstance(cause, ReadTimeoutError) for cause in causes):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return "the answer is not packed as its Content-Encoding says"
    if isinstance(error, requests.exceptions.InvalidURL):
        return "not sent: its URL is on another origin than the credentials are for"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    if any(map(_is_no_http, causes)):
        return "the answer cannot be read as HTTP"
    return "connection failed" if isinstance(error, requests.ConnectionError) else type(error).__name__


def _is_no_http(cause: BaseException) -> bool:
    is_closed = isinstance(cause, http.client.RemoteDisconnected)  # without an answer
    return isinstance(cause, http.client.HTTPException | InvalidHeader) and not is_closed


def _tls_trouble(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TLS_TROUBLE.get(
                cause.verify_code, "unknown certificate authority; a private one needs api.ca_bundle_secret_arn"
            )
    return "the other side speaks no TLS, or none that is safe"


def _causes(error: BaseException) -> list[BaseException]:
    """Give an error and those it was raised for, as requests and urllib3 hold them: arguments, reasons, contexts."""
    found: list[BaseException] = []
    ahead: list[Any] = [error]
    while ahead:
        one = ahead.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            ahead += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found
