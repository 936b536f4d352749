"""What an answer says against itself under a status of 200: that it went wrong, or holds a part of the list only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from redrive.settings import Source

_ERRORS = re.compile(
    "(is|has|odata|api|server)?err(or)?s?|err(or)?(message|msg|text|description|detail)s?|faults?(string)?"
    "|exceptions?(message|type)?|stacktrace|traceback"
)
_ERROR_CODES = re.compile("(sub)?err(or)?(code|no|number)|faultcode")
_NOT_SO = re.compile("(is|was)?(success|successful|succeeded|ok)")
_NO = frozenset(("false", "no", "n", "0"))
_PARTIAL = re.compile(
    "(is|was)?(timedout|partial(results|resultsonly|failures?)?|incomplete(results)?|terminatedearly)"
)
_YES = frozenset(("true", "yes", "y", "1"))
_LEFT_OUT = frozenset((("_shards", "failed"), *(("_clusters", name) for name in ("failed", "partial", "skipped"))))
"""Where Elasticsearch counts what it has not asked, or not to the end."""

_PARTS = frozenset(head for head, _ in _LEFT_OUT)

_STATUSES = frozenset(("status", "statuscode", "code", "httpstatus"))
_FAILURES = frozenset(("error", "fail", "failure"))

_CODES = re.compile(
    "(status|http|httpstatus|result|return|ret|rtn|response|resp|res|biz|business|api|service|sys|system|sub)?code"
    "|(http|result|response)?status|state|result|outcome|ack(nowledge)?|ret|rc"
)
"""Names of what says how a request went; other codes are a country's, a campaign's, …"""

_BAD_CODE = re.compile("-0*[1-9][0-9]*|[a-z]{0,3}[45][0-9]{2,}|[136-9][0-9]{2,}[1-9]")
"""Codes of failures. Those for success are 0, 1 and round numbers (100, 10000), or begin with a 2 (200, 20000)."""

_BAD_WORD = re.compile(
    ".*(error|exception|fail|failed|failure|timeout|timedout|deadlineexceeded|unavailable|denied|forbidden"
    "|(not|un)(authori[sz]ed|authenticated)|(rate|quota|limit)(limit)?(ed|exceeded)?|toomanyrequests|throttl(ed|ing)"
    "|rejected|aborted|cancell?ed|maintenance|outofservice|pending|processing|inprogress|notready|loading|starting)"
    "|(invalid|expired|throttling).*|internal|down|err|ko|ng|nok|notok"
)

_NO_ERROR = re.compile(
    "|null|nil|undefined|false|na|n|ok|okay|nothing|(?!.*(un|no|without|fail|parti|only)).*succe(ss|ed).*"
    "|no(ne|(errors?|exceptions?|faults?)?(found|occurred)?)|[a-z]?0+"
)
"""The ways to write that there is no error, without what stands between letters and digits."""

_BAD_TYPE = re.compile(".*(error|exception|fault)")
"""AWS's ``__type``, Hydra's ``@type``."""

_BAD_STATES = frozenset(("degraded", "failed", "maintenance", "offline", "unavailable", "timeout", "stale"))

_TELLS = frozenset(("message", "msg", "detail", "details"))
_TELLS_OF_NOTHING = re.compile(
    r"((there|we|it) )?((is|are|was|were|has|have|had|found) )?(no|nothing|none|0|zero|empty)\b.*"
    r"|.*\b(ok|okay|success\w*|empty|done|completed?)\b.*",
    re.DOTALL,
)
"""How a text says that there is nothing to list; of others it may be an error."""

_MESSAGES = re.compile("(error|user|developer)?(message|msg|text|description|detail|details|title|reason)s?")

_HEADS = frozenset(("meta", "metadata", "head", "header", "responseheader", "responsestatus", "status"))
"""Objects that say how the request went, beside what it lists."""

_RESULTS = frozenset(("result", "response"))
"""Objects that do so, or hold something of their own."""


MAX_DEPTH = 8
"""How deep an answer is looked into."""


class _Entry(NamedTuple):
    """One thing that an answer says.

    Attributes
    ----------
    path
        The keys that lead to it.
    name
        The last of them, in small letters alone.
    holder
        The object that holds it.
    is_head
        Whether that says how the request went; else it may be a thing with a state of its own, such as a campaign.
    """

    path: tuple[str, ...]
    name: str
    value: Any
    holder: dict[str, Any]
    is_head: bool

    @property
    def place(self) -> str:
        """Give where it stands, as JMESPath."""
        return ".".join(key if re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII) else json.dumps(key) for key in self.path)


def flaw(where: str, source: Source, body: Any, *, is_empty: bool) -> str:
    """Give in words what an answer says against itself; empty where it says nothing.

    Known are the names of GraphQL, JSend, Slack, Spring's errors, Elasticsearch, Solr and GitHub's search, and where
    nothing is listed, what may mean a failure as well: the other way round it only looks like an empty list. What says
    the same as the source's filters or path only repeats it, and what ``items`` names is judged there.

    Parameters
    ----------
    where
        The source's place in the settings.
    is_empty
        Whether the answer lists nothing.
    """
    if not isinstance(body, dict):
        return ""
    asked = _asked(source)
    for entry in _entries(source.items, body, (), is_head=True):
        if (entry.is_head and _went_wrong(entry, asked)) or (is_empty and _may_have_gone_wrong(entry, asked)):
            what = "something went wrong"
        elif _is_part(entry):
            what = "it is a part of the list only"
        else:
            continue
        place = entry.place
        if not _is_named(source.items, place):
            items = source.items if re.fullmatch(r'[\w.@"]+', source.items) else f"({source.items})"
            fine = f"({place} == … || {place} == …) && {items}"  # what it says with a list, and what without one
            line = f"{where}.items = {json.dumps(fine, ensure_ascii=False)}"
            return f"the answer says in {place} that {what} (where it does not mean that: {line})"
    return ""


def _went_wrong(entry: _Entry, asked: frozenset[str]) -> bool:
    name, value = entry.name, entry.value
    if _ERRORS.fullmatch(name):
        return isinstance(value, bool | str | list | dict) and not _is_no_error(value)
    if _ERROR_CODES.fullmatch(name):
        return isinstance(value, str | int) and not _is_no_error(value)
    if _NOT_SO.fullmatch(name):
        return _word(value) in _NO and f"{name}={_word(value)}" not in asked and not _is_count(entry.holder, value)
    if name not in _STATUSES and name != "result":
        return False
    is_failure = _word(value) in _FAILURES or (name != "result" and re.fullmatch("[45][0-9]{2}", _word(value)))
    return bool(is_failure) and not _is_asked(value, asked)


def _may_have_gone_wrong(entry: _Entry, asked: frozenset[str]) -> bool:
    name, value = entry.name, entry.value
    if _ERRORS.fullmatch(name) and isinstance(value, int | float):
        return value != 0
    if name in _BAD_STATES:
        return value is True and f"{name}=true" not in asked
    if name == "type":
        return _BAD_TYPE.fullmatch(_letters(value)) is not None and not _is_asked(value, asked)
    if name in _TELLS and isinstance(value, str):
        return _word(value) in _FAILURES or (_is_all_it_says(entry) and not _TELLS_OF_NOTHING.fullmatch(_word(value)))
    if _CODES.fullmatch(name) and value is False:
        return f"{name}=false" not in asked
    if _CODES.fullmatch(name) and not _is_asked(value, asked):
        is_bad = _BAD_CODE.fullmatch(_word(value)) or _BAD_WORD.fullmatch(_letters(value))
        return bool(is_bad) and not _is_no_error(value)
    return _went_wrong(entry, asked)


def _is_all_it_says(entry: _Entry) -> bool:
    """Tell whether an answer has a text, and nothing else that says how it went or in which a list could be."""
    is_bare = len(entry.path) == 1 and not any(
        each is None or isinstance(each, list | dict) for each in entry.holder.values()
    )
    names = map(_plain, entry.holder)
    return is_bare and bool(_word(entry.value)) and not any(_is_code(name) or _NOT_SO.fullmatch(name) for name in names)


def _is_part(entry: _Entry) -> bool:
    if entry.path in _LEFT_OUT:
        return isinstance(entry.value, int) and entry.value > 0
    return _PARTIAL.fullmatch(entry.name) is not None and _word(entry.value) in _YES


def _entries(items: str, body: dict[str, Any], before: tuple[str, ...], *, is_head: bool) -> Iterator[_Entry]:
    """Give what an answer says: in itself, in the objects for that, and in those on the way to ``items``."""
    for key, value in body.items():
        name, path = _plain(key), (*before, key)
        if name:
            yield _Entry(path, name, value, body, is_head)
        if not isinstance(value, dict) or len(path) == MAX_DEPTH:
            continue
        is_parts = key in _PARTS
        if not before and (name in _HEADS or is_parts):
            for inner, of_it in value.items():
                if not is_parts or (key, inner) in _LEFT_OUT:
                    yield _Entry((key, inner), _plain(inner), of_it, value, not is_parts)
        elif (not before and name in _RESULTS) or (_is_named(items, key) and not _is_list_by_ids(items, value)):
            yield from _entries(items, value, path, is_head=False)


def _is_list_by_ids(items: str, value: dict[str, Any]) -> bool:
    return all(isinstance(each, dict) for each in value.values()) and not any(_is_named(items, key) for key in value)


def _is_named(items: str, place: str) -> bool:
    return place in items and re.search(rf"(?<!\w){re.escape(place)}(?!\w)", items) is not None


@lru_cache(maxsize=64)
def _asked_of(path: str, filters: tuple[tuple[str, str], ...]) -> frozenset[str]:
    words = set(re.findall("[a-z]+", path.lower()))
    for name, value in filters:
        words |= {f"{_plain(name)}={_word(value)}", _word(value), *re.findall(r"\w+", value.lower())}
    return frozenset(words)


def _asked(source: Source) -> frozenset[str]:
    """Give the words of what is asked for, also as ``name=value``."""
    pairs = [
        (name, value)
        for name, values in source.filters.items()
        for value in ((values,) if isinstance(values, str) else values)
    ]
    return _asked_of(source.path, tuple(pairs))


def _is_asked(value: Any, asked: frozenset[str]) -> bool:
    """Tell whether an answer repeats what it was asked for, or the end of it: ``SEND_FAILED`` for ``failed``."""
    return _word(value) in asked or re.split(r"[\W_]", _word(value))[-1] in asked


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return re.sub("[^a-z]", "", name.lower())


def _word(value: Any) -> str:
    return str(value).strip().lower() if isinstance(value, str | int) else ""


def _letters(value: Any) -> str:
    return re.sub(r"[\W_]", "", _word(value))


def _is_count(body: dict[str, Any], value: Any) -> bool:
    """Tell whether a 0 counts what went well, for beside it stands how many failed."""
    return value == 0 and value is not False and any(name.lower().startswith("fail") for name in body)


def _is_code(name: str) -> bool:
    return bool(_CODES.fullmatch(name) or _ERROR_CODES.fullmatch(name))


def _is_no_error(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Tell whether what stands in an error's place says that there is none; where it has a code, that decides."""
    if isinstance(value, list | dict) and not depth:
        return False
    if isinstance(value, dict):
        codes = [each for name, each in value.items() if _is_code(_plain(name))]
        codes = [each for each in codes if each not in (None, "")]
        if not all(isinstance(each, str) and each.isalpha() for each in codes):  # many errors have 0, for want of one
            codes += [each for name, each in value.items() if _MESSAGES.fullmatch(_plain(name))]
        return all(_is_no_error(each, depth - 1) for each in codes or value.values())
    if isinstance(value, list):
        return all(_is_no_error(each, depth - 1) for each in value)
    if isinstance(value, str) and _NO_ERROR.fullmatch(_letters(value)):
        return True
    return not value or _word(value) == "200"
