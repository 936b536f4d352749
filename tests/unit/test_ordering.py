"""What a run sends first, and how it is dealt into batches."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.models import Communication
from redrive.ordering import Candidates, Rank, deal, from_both_ends, take_turns

SIZE = 20


def many(count: int, name: str = "new", source: str = "emails") -> list[Communication]:
    return [Communication(f"{name}-{n}", "send.email", source) for n in range(count)]


def candidates(most: int, new: dict[str, int], tried: dict[str, list[tuple[Rank, float]]]) -> Candidates:
    found = Candidates(most)
    for source, count in new.items():
        for each in many(count, f"new-{source}", source):
            found.add_new([each])
    for source, entries in tried.items():
        for each, (rank, at) in zip(many(len(entries), f"tried-{source}", source), entries, strict=True):
            found.add_tried(each, rank, at)
    return found


COUNTS = st.dictionaries(st.sampled_from(["emails", "sms", "letters"]), st.integers(0, 60), max_size=3)
TRIED = st.dictionaries(
    st.sampled_from(["emails", "sms", "letters"]),
    st.lists(st.tuples(st.sampled_from([Rank.CAME_BACK, Rank.TURNED_AWAY]), st.floats(1, 1e9)), max_size=60),
    max_size=3,
)


@given(most=st.integers(1, 100), new=COUNTS, tried=TRIED)
def test_a_run_takes_as_many_as_it_may_none_of_them_twice_and_class_by_class(
    most: int, new: dict[str, int], tried: dict[str, list[tuple[Rank, float]]]
) -> None:
    found = candidates(most, new, tried)
    classes = found.chosen()
    ids = [each.primary_id for each in chain(*classes)]
    total = sum(new.values()) + sum(map(len, tried.values()))
    assert found.found == total
    assert len(ids) == min(most, total)
    assert len(set(ids)) == len(ids)
    ranks = {
        each.primary_id: rank
        for source, entries in tried.items()
        for each, (rank, _) in zip(many(len(entries), f"tried-{source}"), entries, strict=True)
    }
    for rank, cards in zip(Rank, classes, strict=True):
        assert {ranks.get(each.primary_id, Rank.NEVER_TRIED) for each in cards} <= {rank}


@given(most=st.integers(10, 100), new=COUNTS, tried=TRIED)
def test_a_tenth_of_a_run_is_kept_for_what_was_tried(
    most: int, new: dict[str, int], tried: dict[str, list[tuple[Rank, float]]]
) -> None:
    _, came_back, turned_away = candidates(most, new, tried).chosen()
    assert len(came_back + turned_away) >= min(most // 10, sum(map(len, tried.values())))


def test_new_ones_have_all_but_a_tenth_of_a_run() -> None:
    new, _, turned_away = candidates(50, {"emails": 100}, {"emails": [(Rank.TURNED_AWAY, 1)] * 100}).chosen()
    assert (len(new), len(turned_away)) == (45, 5)


def test_sources_take_turns_with_what_was_tried_too() -> None:
    tried = {"emails": [(Rank.TURNED_AWAY, 1.0)] * 100, "sms": [(Rank.TURNED_AWAY, 2.0)] * 100}
    taken = Counter(each.source for each in candidates(10, {}, tried).chosen()[2])
    assert taken == {"emails": 5, "sms": 5}


def test_even_a_run_of_one_takes_what_was_tried() -> None:
    new, _, turned_away = candidates(1, {"emails": 5}, {"emails": [(Rank.TURNED_AWAY, 1)]}).chosen()
    assert (len(new), len(turned_away)) == (0, 1)


@given(most=st.integers(1, 100), new=COUNTS)
def test_sources_share_a_run_to_within_one(most: int, new: dict[str, int]) -> None:
    taken = Counter(each.source for each in candidates(most, new, {}).chosen()[0])
    fullest = max(taken.values(), default=0)
    assert all(taken[source] >= min(count, fullest - 1) for source, count in new.items())


def test_of_what_was_tried_the_one_tried_longest_ago_is_first_and_what_came_back_before_what_was_turned_away() -> None:
    tried = [(Rank.TURNED_AWAY, 1.0), (Rank.TURNED_AWAY, 3.0), (Rank.TURNED_AWAY, 2.0), (Rank.CAME_BACK, 9.0)]
    new, came_back, turned_away = candidates(3, {}, {"emails": tried}).chosen()
    assert new == []
    assert [each.primary_id for each in came_back] == ["tried-emails-3"]
    assert [each.primary_id for each in turned_away] == ["tried-emails-0", "tried-emails-2"]


def test_of_what_was_never_tried_a_run_takes_both_ends_of_the_list() -> None:
    new = candidates(4, {"emails": 100}, {}).chosen()[0]
    assert [each.primary_id for each in new] == ["new-emails-0", "new-emails-99", "new-emails-1", "new-emails-98"]


@given(st.lists(st.integers(), max_size=30))
def test_both_ends_give_everything_once(items: list[int]) -> None:
    assert sorted(from_both_ends(items)) == sorted(items)


def test_a_source_is_kept_no_longer_than_two_runs_can_take() -> None:
    found = candidates(10, {"emails": 1000}, {})
    first, last = found.new["emails"]
    assert (len(first), len(last), found.found) == (10, 10, 1000)


@given(st.lists(st.integers(0, 90), max_size=4), st.integers(1, 25))
def test_dealing_loses_nothing_doubles_nothing_and_fills_every_batch_but_the_last(counts: list[int], size: int) -> None:
    classes = [many(count, f"class{n}") for n, count in enumerate(counts)]
    batches = deal(classes, size)
    assert Counter(chain(*batches)) == Counter(chain(*classes))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)


@given(st.lists(st.integers(0, 90), max_size=4), st.integers(1, 25))
def test_dealing_leaves_the_classes_in_order(counts: list[int], size: int) -> None:
    batches = deal([many(count, f"class{n}") for n, count in enumerate(counts)], size)
    dealt = [each.primary_id.split("-")[0] for batch in batches for each in batch]
    assert dealt == sorted(dealt)


def test_good_ones_in_the_middle_of_a_pile_are_spread_over_the_batches() -> None:
    cards = [*many(200, "pile-before"), *many(20, "good"), *many(180, "pile-after")]
    batches = deal([cards], SIZE)
    assert all(any("good" in each.primary_id for each in batch) for batch in batches)


def test_the_first_batch_begins_with_the_first_ones() -> None:
    cards = many(200)
    assert set(cards[:5]) <= set(deal([cards], SIZE)[0])


@pytest.mark.parametrize("classes", [[], [[]], [[], [], []]])
def test_nothing_makes_no_batch(classes: list[list[Communication]]) -> None:
    assert deal(classes, SIZE) == []


def test_an_empty_class_between_two_is_passed() -> None:
    classes = [many(5, "a"), [], many(5, "b")]
    assert deal(classes, SIZE) == [[*classes[0], *classes[2]]]


def test_turns_are_taken_until_the_longest_list_ends() -> None:
    assert list(take_turns(["abc", "d", "ef"])) == list("adebfc")
