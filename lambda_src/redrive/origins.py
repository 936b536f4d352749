"""Where a request leads: credentials may go to the origin they are for, and nowhere else."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from redrive.errors import ListingError

Origin = tuple[str, str, int]
"""Scheme, host and port (RFC 6454)."""

PORTS = {"https": 443, "http": 80}

UNCLEAR = re.compile(r"[\x00-\x1f\x7f-\x9f]|^[^?#]*[\\\s]|\s$")
"""What one reader of URLs takes for a part of the host, another for its end, and a third leaves out.

A space or a backslash in the query is neither: no reader looks for a host there, and it is percent-encoded when asked.
"""

SLASHES = re.compile(r"(https?:)?/{3}|https?:(?!//)", re.IGNORECASE)
"""What browsers take for a host behind it (WHATWG, URL), and Python for a path."""


@lru_cache(maxsize=64)  # the API's own is asked for with every page, and a requeue's URL is mostly the one before
def origin(url: str) -> Origin:
    """Give the origin that requests connects to for a URL.

    Raises
    ------
    ValueError
        It is not an http(s) URL, names a user, or Python's reader and urllib3's, which connects, see different hosts.
    """
    if UNCLEAR.search(url):
        raise ValueError("a character that no URL may hold")
    try:
        prepared = requests.Request("GET", url).prepare().url or ""
        written, seen, parts = urlsplit(url), parse_url(prepared), urlsplit(prepared)
    except (requests.RequestException, LocationParseError) as error:
        raise ValueError(str(error)) from None
    port = parts.port or PORTS.get(parts.scheme, 0)
    host = (parts.hostname or "").lower()
    connected = (seen.scheme, (seen.host or "").strip("[]").lower(), seen.port or PORTS.get(seen.scheme or "", 0))
    if not (port and host and host.isascii()) or "%" in host or "@" in parts.netloc or seen.auth:
        raise ValueError("no host, an invalid host, or a user")
    # As written it may be a host of other letters, which is encoded (IDNA) on the way.
    spelled = (written.hostname or "").lower()
    if connected != (parts.scheme, host, port) or (spelled.isascii() and spelled != host):
        raise ValueError("two readings")
    host.encode("idna")  # as whoever connects does: no label may be empty or longer than 63 letters
    return parts.scheme, host, port


def on_own_origin(url: str, base: str, base_url: str) -> str:
    """Resolve the URL of a next page, and give it on the scheme, host and port of ``base_url``.

    What is asked is put together from the own origin and the path and query of what the API gave, so that whatever
    two readers of URLs make of the latter, no other host is connected to. ``http`` where ``base_url`` has ``https`` is
    taken for the same: so says an application behind a balancer that ends TLS. It knows its port from the ``Host``
    header, if it knows it.

    Parameters
    ----------
    base
        The URL that was asked, to which a relative one belongs.

    Raises
    ------
    ListingError
        Another origin, named with the API's own; or a URL that is not one, or reads in two ways.
    """
    if UNCLEAR.search(url):
        raise ListingError("the next page's URL holds a character that no URL may hold; not followed")
    if SLASHES.match(url):
        raise ListingError("the next page's URL is invalid or ambiguous; not followed")
    try:
        joined = urljoin(base, url)
        found, own = urlsplit(joined), urlsplit(base_url)
        theirs, ours = _spelled(joined, base_url), _spelled(base_url, base_url)
    except ValueError:
        raise ListingError("the next page's URL is invalid or ambiguous; not followed") from None
    is_behind_tls = (theirs[0], ours[0]) == ("http", "https") and theirs[1] == ours[1]
    if theirs != ours and not (is_behind_tls and theirs[2] in (PORTS["http"], ours[2])):
        raise ListingError(
            f"the next page is on another origin, {in_words(theirs)}, than api.base_url, {in_words(ours)}; not "
            "followed, for the credentials would go there. If both are the same application, "
            "set api.base_url to the former",
            f'api.base_url = "{in_words(theirs)}{own.path}"',
        )
    return urlunsplit((own.scheme, own.netloc, found.path, found.query, ""))


def _spelled(url: str, base_url: str) -> Origin:
    """Give the origin of a URL that the API gave; its host must be spelled as what is connected to, or as our own."""
    parts, own = urlsplit(url), urlsplit(base_url)
    scheme, host, port = origin(url)
    spelled = (parts.hostname or "").lower()
    # The root's dot is left out by some, and is the same host.
    if spelled not in (host, (own.hostname or "").lower()) or parts.scheme not in PORTS:
        raise ValueError("two readings")
    return scheme, host.rstrip("."), port


def in_words(origin: Origin) -> str:
    """Write an origin as people do: without the port that is the scheme's own."""
    scheme, host, port = origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + ("" if PORTS.get(scheme) == port else f":{port}")
