"""Where a URL that the API gave leads: credentials may go to the API's own origin, and nowhere else."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from redrive.errors import ListingError

PORTS = {"https": 443, "http": 80}

UNCLEAR = re.compile(r"[\\\x00-\x20\x7f-\x9f]")
"""Characters that one reader of URLs takes for a part of the host, and another for its end, or leaves out."""


def on_own_origin(url: str, base: str, base_url: str) -> str:
    """Resolve the URL of a next page, and give it on the scheme, host and port of ``base_url``.

    What is asked is put together from the own origin and the path and query of what the API gave, so that whatever
    two readers of URLs make of the latter, no other host is connected to. ``http`` where ``base_url`` has ``https`` is
    taken for the same: so says an application behind a balancer that ends TLS.

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
    try:
        joined = urljoin(base, url)
        found, own = urlsplit(joined), urlsplit(base_url)
        theirs, ours = _origin(found, joined), _origin(own, base_url)
    except (ValueError, LocationParseError):
        raise ListingError("the next page's URL is not a URL, or can be read in two ways; not followed") from None
    is_behind_tls = ours[0] == "https" and theirs == ("http", ours[1], PORTS["http"]) and ours[2] == PORTS["https"]
    if theirs != ours and not is_behind_tls:
        raise ListingError(
            f"the next page is on {_in_words(theirs)}, api.base_url on {_in_words(ours)}; not followed, for the "
            "credentials would go there. If both are the same application, set api.base_url to the former"
        )
    return urlunsplit((own.scheme, own.netloc, found.path, found.query, ""))


def _origin(parts: SplitResult, url: str) -> tuple[str, str, int]:
    """Give scheme, host and port as both readers have them; raises ``ValueError`` where they differ."""
    seen = parse_url(url)  # as urllib3 connects
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or PORTS.get(parts.scheme, 0)
    if "@" in parts.netloc or seen.auth or not host:
        raise ValueError("a user, or no host")
    if (seen.host or "").strip("[]").rstrip(".").lower() != host.lower() or (seen.port or port) != port:
        raise ValueError("two readings")
    if (seen.scheme or "") != parts.scheme or not host.isascii() or "%" in host:
        raise ValueError("two readings")
    return parts.scheme, host.lower(), port


def _in_words(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    return f"{scheme}://{host}" + ("" if PORTS.get(scheme) == port else f":{port}")
