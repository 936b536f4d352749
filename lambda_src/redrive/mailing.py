"""Which digests are sent: few, so that people go on reading them.

The same news goes out at most once in 24 hours, whatever comes between. That all is well is the same news whatever the
words; so is that more of the same kind waits for a person, but that is sent when the 24 hours are over. After bad news
one digest says that it is over: at once, but only once a week, so that an API that fails every few hours does not send
two mails a day; within that week it is over when nothing was bad for a day. What is not sent is added up for the next
digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

DAY = 86400.0
WEEK = 7 * DAY

SLACK = 900.0
"""So much less than a day is a day: a run that is daily ends a little earlier or later each time."""

MAX_REMEMBERED = 200
"""Headlines that are remembered at most, the newest."""


class Mood(StrEnum):
    """What a run says of how a source is, or all of them."""

    GOOD = "good"
    NEUTRAL = "neutral"
    BAD = "bad"

    @classmethod
    def of_source(cls, accepted: int, turned_away: int) -> Mood:
        """Say how a source is, from how many it took in a run and how many not (429 among them, 409 in neither).

        Bad is less than half, good is three quarters. Between them nothing changes, or an API that fails now and then
        would be bad and over in turn.
        """
        if accepted < turned_away:
            return cls.BAD
        return cls.GOOD if accepted and accepted >= 3 * turned_away else cls.NEUTRAL

    @classmethod
    def of_run(cls, moods: Iterable[Mood]) -> Mood:
        """Say how a run is: as bad as its worst source, and good if none is bad and one is good."""
        found = set(moods)
        return next((mood for mood in (cls.BAD, cls.GOOD) if mood in found), cls.NEUTRAL)


ALL_IS_WELL = "all is well"
"""Under which every good headline is remembered."""

EVERY_SOURCE = "*"
"""Stands among the sources for what goes wrong with a run as a whole."""

FOR_A_PERSON = "for a person: "
"""Begins what is remembered of a group in which something was new for a person."""


class Memory(NamedTuple):
    """What earlier runs sent, and what they kept.

    Attributes
    ----------
    sent
        By headline, when it was last sent; of the last 24 hours.
    bad
        Sources of which bad news was sent, and not yet that it is over.
    was_bad, was_over
        When a run was last bad, and when a digest last said that it is over.
    last
        When any digest was last sent.
    due
        When what was held back must be sent, by a run with nothing to send if need be; 0 where nothing was.
    quiet
        Counts of the runs since then, by what they count; ``runs`` among them.
    unnamed
        By group, what waits for a person since then and no digest has named: an object for each.
    """

    sent: Mapping[str, float] = MappingProxyType({})
    bad: frozenset[str] = frozenset()
    was_bad: float = 0
    was_over: float = 0
    last: float = 0
    due: float = 0
    quiet: Mapping[str, int] = MappingProxyType({})
    unnamed: Mapping[str, Mapping[str, object]] = MappingProxyType({})

    def may_be_over(self, now: float) -> bool:
        """Tell whether bad news may be said to be over, if no source is bad any more."""
        is_calm = now - self.was_bad >= DAY - SLACK
        return bool(self.bad) and (is_calm or now - self.was_over >= WEEK - SLACK)


class Decision(NamedTuple):
    """Whether a digest is sent, whether it says that bad news is over, and what is remembered."""

    is_sent: bool
    is_over: bool
    memory: Memory


def decide(
    memory: Memory,
    headline: str,
    moods: Mapping[str, Mood],
    counts: Mapping[str, int],
    now: float,
    *,
    news: Iterable[str] = (),
    is_ordinary: bool = True,
    is_wanted: bool = True,
    is_daily: bool = False,
) -> Decision:
    """Decide about a run's digest.

    Parameters
    ----------
    headline
        The digest's first line, without counts: what makes it the same news.
    moods
        By source, of those that were asked in this run, and of those that could not be.
    counts
        What is added up where it is not sent.
    news
        Groups in which something is new for a person to do.
    is_ordinary
        Whether the headline says no more than the moods do; else it is news of its own, also where all is well.
    is_wanted
        Whether ``notifications.on`` has this result.
    is_daily
        ``notifications.digest``: collect, and send once in 24 hours.
    """
    mood = Mood.of_run(moods.values())
    bad = frozenset(source for source, each in moods.items() if each is Mood.BAD)
    still_bad = memory.bad - {source for source, each in moods.items() if each is Mood.GOOD}
    is_over = memory.may_be_over(now) and not bad | still_bad
    if not is_over:
        still_bad = still_bad or memory.bad  # that it is over is still to be said
    newest = sorted(memory.sent.items(), key=lambda sent: -sent[1])[:MAX_REMEMBERED]
    recent = {text: at for text, at in newest if now - at < DAY - SLACK}
    text = ALL_IS_WELL if mood is Mood.GOOD and is_ordinary else headline
    groups = [f"{FOR_A_PERSON}{group}" for group in news]
    is_due = 0 < memory.due <= now  # what was held back was wanted, whatever this run is
    if is_daily:
        is_sent = now - memory.last >= DAY - SLACK and (is_wanted or is_over or is_due)
    else:
        is_new = text not in recent and (mood is Mood.BAD or not is_ordinary or (mood is Mood.GOOD and not still_bad))
        has_news = any(group not in recent for group in groups)
        is_sent = is_over or is_due or (is_wanted and (is_new or has_news))
    if is_over and not is_sent:
        still_bad = memory.bad
    if is_sent or (is_daily and is_wanted):
        still_bad |= bad
    was_bad = now if bad else memory.was_bad
    if is_sent:
        sent = {**recent, **dict.fromkeys([text, *groups], now)}
        return Decision(True, is_over, Memory(sent, still_bad, was_bad, now if is_over else memory.was_over, now))
    begins = memory.last if is_daily else now if groups else 0
    due = memory.due or (begins + DAY if begins and is_wanted else 0)
    quiet = {name: memory.quiet.get(name, 0) + count for name, count in {**counts, "runs": 1}.items()}
    remembered = memory._replace(sent=recent, bad=still_bad, was_bad=was_bad, due=due, quiet={**memory.quiet, **quiet})
    return Decision(False, False, remembered)
