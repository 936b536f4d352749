"""Which digests are sent: few, so that people go on reading them.

The same news goes out at most once in 24 hours, whatever comes between; what is new for a person, always; and after bad
news one digest says that it is over. What is not sent is added up for the next digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DAY = 86400.0


class Mood(StrEnum):
    """What a run says of how things are."""

    GOOD = "good"
    NEUTRAL = "neutral"
    BAD = "bad"


@dataclass(frozen=True)
class Memory:
    """What earlier runs sent, and what they kept.

    Attributes
    ----------
    sent
        By headline, when it was last sent; of the last 24 hours.
    is_bad
        Whether bad news was sent that is not over.
    last
        When any digest was last sent.
    quiet
        Counts of the runs since then, by what they count; ``runs`` among them.
    due
        When what was collected is to be sent; 0 where nothing is.
    """

    sent: Mapping[str, float] = field(default_factory=dict)
    is_bad: bool = False
    last: float = 0
    quiet: Mapping[str, int] = field(default_factory=dict)
    due: float = 0


@dataclass(frozen=True)
class Decision:
    """Whether a digest is sent, whether it says that bad news is over, and what is remembered."""

    is_sent: bool
    is_over: bool
    memory: Memory


def decide(
    memory: Memory,
    headline: str,
    mood: Mood,
    counts: Mapping[str, int],
    now: float,
    *,
    has_news: bool,
    is_wanted: bool = True,
    is_daily: bool = False,
) -> Decision:
    """Decide about a run's digest.

    Parameters
    ----------
    headline
        The digest's first line, without counts: what makes it the same news.
    counts
        What is added up where it is not sent.
    has_news
        Whether there is something for a person to do that was not sent before.
    is_wanted
        Whether ``notifications.on`` has this result.
    is_daily
        ``notifications.digest``: collect, and send once in 24 hours.
    """
    is_over = mood is Mood.GOOD and memory.is_bad
    recent = {text: at for text, at in memory.sent.items() if now - at < DAY}
    if is_daily:
        is_sent = now - memory.last >= DAY and (is_wanted or is_over or memory.is_bad)
    elif mood is Mood.NEUTRAL:
        is_sent = has_news
    else:
        is_sent = is_over or (is_wanted and (has_news or headline not in recent))
    is_bad = (memory.is_bad or (mood is Mood.BAD and (is_sent or is_daily))) and not (is_over and is_sent)
    if is_sent:
        return Decision(True, is_over, Memory({**recent, headline: now}, is_bad, now, {}))
    quiet = {name: memory.quiet.get(name, 0) + count for name, count in {**counts, "runs": 1}.items()}
    due = memory.last + DAY if is_daily else 0
    return Decision(False, False, Memory(recent, is_bad, memory.last, {**memory.quiet, **quiet}, due))
