"""Rules of leases and waits that no simulated week depends on, as the breaker or the lister keeps them too."""

from __future__ import annotations

from redrive.ledger_rules import Refusal, claimed, given_back, judge, turned_away
from redrive.models import Communication
from redrive.settings import LedgerSettings

SETTINGS = LedgerSettings("ledger")
NOW = 1_800_000_000.0
CLAIMED = claimed(None, Communication("1", "send.email", "emails"), "run/1", "run", "redrive", NOW, SETTINGS)


def test_nobody_else_may_send_while_somebody_has_the_lease() -> None:
    assert judge(CLAIMED, NOW, 5, owner="run/2") is Refusal.LEASED
    assert judge(CLAIMED, NOW, 5, owner="run/1") is None
    assert judge(CLAIMED, NOW + SETTINGS.lease_seconds, 5, owner="run/2") is None


def test_what_is_given_back_may_be_sent_at_once() -> None:
    assert judge(given_back(CLAIMED, NOW), NOW, 5, owner="run/2") is None


def test_what_the_api_asked_to_send_later_is_not_sent_before() -> None:
    asked_to_wait = turned_away(CLAIMED, 429, "HTTP 429", NOW, SETTINGS, retry_after=7200)
    assert judge(asked_to_wait, NOW + 7199, 5) is Refusal.COOLING_DOWN
    assert judge(asked_to_wait, NOW + 7200, 5) is None
