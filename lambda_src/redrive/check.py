"""``check``: try the settings against the API. It reads a little of each source, sends nothing and writes nothing.

A source is read by the lister's own reading, for three pages at most, and judged by its own judgement. Beyond that a
few requests are made that only find mistakes: the list without the filters, the page before the first, a page of one
item. What could go wrong some day is a trap, said with the line of the configuration to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from redrive.api import Api
from redrive.listing import Listing
from redrive.reachability import reach
from redrive.run import Request
from redrive.secrets import Secrets
from redrive.settings import CheckSettings, Source
from redrive.shown import shown_exchange
from redrive.source_check import SourceCheck
from redrive.transport import Deadline, listing_retry, no_retry
from redrive.trial import Exchange, Trial

if TYPE_CHECKING:
    from urllib3.util.retry import Retry

Watch = Callable[[str, dict[str, Any]], None]
"""Is told of each request at once: the source's name, and the request as the answer shows it."""


def check_now(request: Request, seconds: float) -> dict[str, Any]:
    """Answer the event ``{"check": true}`` within so many seconds."""
    settings = CheckSettings.from_environment()
    chosen = settings._replace(sources=request.chosen(settings.sources))
    return check(chosen, Secrets(), seconds)


def check(
    settings: CheckSettings,
    secrets: Secrets,
    seconds: float,
    watch: Watch = lambda *_: None,
    make_retry: Callable[[Deadline, float], Retry] = listing_retry,
) -> dict[str, Any]:
    """Try the sources of the settings, and where each requeues; give what was found, as docs/check.md shows it.

    Parameters
    ----------
    secrets
        Where the API's credentials are read.
    seconds
        How long it may take.
    make_retry
        How a page is asked for again. What only finds mistakes is asked for once.

    Raises
    ------
    ConfigurationError
        A setting cannot be used at all.
    """
    api, once = (Api(settings.api, policy, secrets) for policy in (make_retry, no_retry))
    for each in (api, once):
        each.deadline.set(seconds)

    def has_time() -> bool:
        return api.deadline.remaining() > api.try_seconds

    trials = {name: Trial(partial(_watched, watch, name, source, api)) for name, source in settings.sources.items()}
    listing = Listing(settings.sources, api, has_time, trials)
    for _ in listing:
        pass
    sources = {
        name: SourceCheck(name, source, once, listing, trials[name], settings).result(has_time)
        for name, source in settings.sources.items()
    }
    for name, note in _shared(settings.sources, trials):
        sources[name]["notes"].append(note)
    is_reached = any(trial.progress and trial.progress.first for trial in trials.values())
    requeue = [found.to_json() for found in reach(settings, once, is_reached=is_reached, has_time=has_time)]
    traps = sum(len(each["traps"]) for each in (*sources.values(), *requeue))
    return {"check": True, "traps": traps, "sources": sources, "requeue": requeue}


def _watched(watch: Watch, name: str, source: Source, api: Api, exchange: Exchange) -> None:
    watch(name, shown_exchange(source, api, exchange))


def _shared(sources: Mapping[str, Source], trials: Mapping[str, Trial]) -> Iterator[tuple[str, str]]:
    """Say which sources list the same communications."""
    seen: dict[str, dict[str, str]] = {}
    for name, source in sources.items():
        progress, others = trials[name].progress, seen.setdefault(source.space, {})
        ids = progress.ids if progress else set()
        if both := ids & others.keys():
            first = others[min(both)]
            text = f"{len(both)} of its ids are listed by sources.{first} too: one communication each to the ledger"
            yield name, f"{text}, sent once; if they are different ones, set sources.{name}.id_space"
        others.update(dict.fromkeys(ids, name))
