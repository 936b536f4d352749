"""How it stands, as numbers: what is not known is no 0, and what is nothing is one."""

from __future__ import annotations

from redrive.gauges import ALL, of_breaker, of_waiting

NOW = 1_800_000_000.0


def group(name: str, count: int, age: float) -> dict[str, object]:
    return {"pk": "manual", "sk": name, "count": count, "oldest": NOW - age}


def test_nothing_waits_is_a_zero_for_each_source_and_for_all() -> None:
    nothing = {"WaitingForPerson": 0, "OldestWaitingAge": 0.0}
    assert of_waiting([], ["email", "sms"], NOW) == dict.fromkeys([ALL, "email", "sms"], nothing)


def test_what_waits_is_added_up_and_the_oldest_is_the_oldest_of_any_group() -> None:
    groups = [group("email/422/x", 30, 60), group("email/none/y", 1, 3600), group("sms/422/x", 2, 5)]
    found = of_waiting(groups, ["email", "sms", "fax"], NOW)
    assert found["email"] == {"WaitingForPerson": 31, "OldestWaitingAge": 3600}
    assert found["sms"] == {"WaitingForPerson": 2, "OldestWaitingAge": 5}
    assert found["fax"] == {"WaitingForPerson": 0, "OldestWaitingAge": 0}
    assert found[ALL] == {"WaitingForPerson": 33, "OldestWaitingAge": 3600}


def test_what_waits_of_a_source_that_is_gone_is_counted_all_the_same() -> None:
    found = of_waiting([group("letters/422/x", 4, 60)], ["email"], NOW)
    assert (found["letters"]["WaitingForPerson"], found[ALL]["WaitingForPerson"]) == (4, 4)


def test_a_group_that_is_empty_has_no_age() -> None:
    assert of_waiting([group("email/422/x", 0, 9e6)], ["email"], NOW)[ALL]["OldestWaitingAge"] == 0


def test_the_breakers_of_all_sources_are_how_many_are_open() -> None:
    assert of_breaker(["email", "sms"], ["sms", "gone"]) == {
        "email": {"BreakerOpen": 0},
        "sms": {"BreakerOpen": 1},
        ALL: {"BreakerOpen": 1},
    }
