"""Which line of the configuration to change, for errors that do not know it themselves."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from redrive.errors import CredentialsRefused
from redrive.lines import pagination_line
from redrive.settings import ApiSettings, AuthType, Pagination, PaginationStyle
from redrive.trial import Failure

_SETTING = re.compile(r"(api\.[a-z_.]+|requeue\.[a-z_]+|sources\.[^.\s:]+\.[a-z_.]+): ")
"""How errors begin that are about a setting."""

_NAMED = re.compile(r": see (api\.auth\.[a-z_]+)")
"""How an error of the token endpoint names what to look at."""

_LINES = (
    ("unknown host", "api.base_url = …"),
    ("nothing listens there", "api.base_url = …"),
    ("the certificate is another", "api.base_url = …"),
    ("speaks no TLS", "api.base_url = …"),
    ("api.ca_bundle_secret_arn", "api.ca_bundle_secret_arn = …"),
    ("no connection in time", "vpc = …"),
    ("no answer in time", "api.read_timeout_seconds = …"),
    ("the answer is larger than", "sources.{name}.pagination.size = …"),
    ("did not finish in time", "sources.{name}.pagination.size = …"),
    ("token endpoint", "api.auth.token_url = …"),
    ("secret ", "api.auth.secret_arn = …"),
)
"""By what an error says: see :func:`redrive.trouble.in_words`, :mod:`redrive.api`, :mod:`redrive.secrets`."""

_PAGES = re.compile(r"page(_?(no|num|number|index))?|p", re.IGNORECASE)
_OFFSETS = re.compile(r"offset|start|skip|from|startindex", re.IGNORECASE)


def line_of(failure: Failure, name: str, api: ApiSettings) -> str:
    """Give the line to change for a source that could not be read; empty where it is the API that must change.

    Parameters
    ----------
    name
        The source's key in ``sources``.
    """
    if failure.line:
        return failure.line
    if setting := _SETTING.match(failure.text):
        return f"{setting[1]} = …"
    if named := _NAMED.search(failure.text):
        return f"{named[1]} = …"
    if failure.kind == CredentialsRefused.__name__:
        return 'api.auth.type = "bearer"' if api.auth.type is AuthType.NONE else "api.auth.secret_arn = …"
    if failure.http_status and 300 <= failure.http_status < 400:  # most often for a slash at its end
        return "api.base_url = …" if "api.base_url" in failure.text else f"sources.{name}.path = …"
    return next((line.format(name=name) for words, line in _LINES if words in failure.text), "")


def settings_of_next(where: str, pagination: Pagination, url: str) -> str:
    """Give the line under which the lister counts for itself what a next link counts; empty where it counts nothing.

    Parameters
    ----------
    where
        ``sources.email.pagination``
    pagination
        As configured.
    """
    for name, value in parse_qsl(urlsplit(url).query):
        if value.isdecimal() and _PAGES.fullmatch(name):
            return pagination_line(where, pagination, PaginationStyle.PAGE, page_param=name)
        if value.isdecimal() and _OFFSETS.fullmatch(name):
            return pagination_line(where, pagination, PaginationStyle.OFFSET, offset_param=name)
    return ""
