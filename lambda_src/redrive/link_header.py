"""The ``Link`` header of RFC 8288: its links, read by the algorithm of the RFC's appendix B."""

from __future__ import annotations

import re
from typing import NamedTuple

_TARGET = re.compile(r"[\s,]*<([^>]*)>")
_QUOTED = r'"((?:[^"\\]|\\.)*)(?:"|\\?\Z)'  # a quotation mark that is missing stands at the end
_SINGLY_QUOTED = r"'([^']*)'"  # which is not of the RFC, and is written so by some
_PARAMETER = re.compile(rf'\s*;\s*([^\s=;,"]*)\s*(?:=\s*(?:{_QUOTED}|{_SINGLY_QUOTED}|([^;,\s]*)))?', re.DOTALL)
_REST = re.compile(rf'(?:{_QUOTED}|[^,"])*', re.DOTALL)


class Link(NamedTuple):
    """One link: its target as it stands there, its relation types in lower case, and what it is a link of.

    Attributes
    ----------
    anchor
        The parameter ``anchor``: the link's context where it is not the answer's own URL. None where there is none.
    """

    target: str
    relations: tuple[str, ...]
    anchor: str | None = None


def read_links(header: str) -> list[Link]:
    """Read a ``Link`` header; several of one answer are joined by commas before.

    Like every reader of the RFC it is lenient: what is no link ends the reading or is passed over, and raises nothing.
    """
    links, at = [], 0
    while found := _TARGET.match(header, at):
        at, parameters = found.end(), dict[str, str]()
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            quoted, token = parameter[2], parameter[3] or parameter[4]
            value = re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted is not None else token or ""
            parameters.setdefault(parameter[1].lower(), value)  # a second rel or anchor does not count (3.2, 3.3)
        links.append(Link(found[1].strip(), tuple(parameters.get("rel", "").lower().split()), parameters.get("anchor")))
        if rest := _REST.match(header, at):  # what is no parameter, up to the comma before the next link
            at = rest.end()
    return links
