"""What earlier campaigns have shown: counted once each, forgotten in time, and small."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from shelf_support import NOW, profile

from evermail import clock
from evermail.documents import Exposure, Exposures, Profile, Seen
from evermail.shelf.exposures import (
    MAX_CAMPAIGNS,
    MAX_ITEMS,
    RETENTION_US,
    UNDER_WAY_US,
    ignored,
    merged,
    remembering,
    withdrawn,
    without_withdrawn,
)
from evermail.shelf.policy import Fatigue


def shown(campaign: str, items: str, days_ago: float = 1) -> Exposure:
    return Exposure(campaign, NOW - round(days_ago * clock.DAY), tuple(items))


def document(*campaigns: Exposure) -> Exposures:
    return Exposures(id="ann", version=1, updated_at=NOW, campaigns=campaigns)


def touching(item_id: str, days_ago: float) -> Profile:
    who = profile("")
    who.history = [Seen(item_id, NOW - round(days_ago * clock.DAY), "view_item")]
    return who


def counts(*campaigns: Exposure, who: Profile | None = None, now: str = "now") -> dict[str, int]:
    return dict(ignored(campaigns, who or profile(""), Fatigue(days=30), now, NOW))


def test_each_campaign_that_showed_an_item_counts_once() -> None:
    assert counts(shown("spring", "AB"), shown("may", "BC", 9)) == {"A": 1, "B": 2, "C": 1}


def test_the_campaign_being_opened_does_not_count() -> None:
    assert counts(shown("spring", "AB"), shown("may", "BC"), now="may") == {"A": 1, "B": 1}


def test_what_was_shown_too_long_ago_does_not_count() -> None:
    assert counts(shown("spring", "A", 31), shown("may", "A", 30)) == {"A": 1}


def test_a_touch_wipes_out_what_was_shown_before() -> None:
    campaigns = shown("spring", "AB", 10), shown("may", "AB", 5)
    assert counts(*campaigns, who=touching("A", 7)) == {"A": 1, "B": 2}
    assert counts(*campaigns, who=touching("A", 1)) == {"B": 2}
    assert counts(*campaigns, who=touching("A", 11)) == {"A": 2, "B": 2}


def test_what_was_touched_at_the_moment_it_was_shown_was_not_ignored() -> None:
    assert counts(shown("spring", "A", 5), who=touching("A", 5)) == {}
    just_before = touching("A", 5)
    just_before.history = [Seen("A", just_before.history[0].event_time - 1, "view_item")]
    assert counts(shown("spring", "A", 5), who=just_before) == {"A": 1}


def test_days_are_counted_to_the_microsecond() -> None:
    oldest = shown("spring", "A", 30)
    too_old = Exposure("may", oldest.shown_at - 1, ("A",))
    assert counts(oldest, too_old) == {"A": 1}


# Remembering


def remember(
    known: tuple[Exposure, ...], items: str, campaign: str = "may", erased_at: int = 0
) -> Exposures | None:
    return remembering(known, "ann", campaign, items, 7, erased_at, NOW)


def test_an_open_is_remembered() -> None:
    assert remember((shown("spring", "AB"),), "CA") == Exposures(
        id="ann",
        version=NOW,
        updated_at=NOW,
        expire_at=NOW + RETENTION_US,
        campaigns=(Exposure("may", NOW, ("C", "A")), shown("spring", "AB")),
    )


def test_an_open_that_shows_nothing_new_is_not_worth_a_write() -> None:
    assert remember((shown("may", "ABC"),), "CA") is None
    assert remember((), "") is None


def test_a_later_open_adds_to_its_campaign_which_keeps_its_time() -> None:
    found = remember((shown("may", "AB", 3),), "BC")
    assert found is not None
    assert found.campaigns == (shown("may", "ABC", 3),)


def test_versions_grow_when_clocks_go_back() -> None:
    found = remembering((), "ann", "may", "A", NOW + 5, 0, NOW)
    assert found is not None
    assert found.version == NOW + 6


def test_it_stays_small_however_much_is_opened() -> None:
    many = "".join(chr(0x4E00 + n) for n in range(3 * MAX_ITEMS))
    known: tuple[Exposure, ...] = ()
    for number in range(2 * MAX_CAMPAIGNS):
        for items in (many, many[::-1]):
            found = remembering(known, "ann", f"c{number}", items, 0, 0, NOW + number)
            known = found.campaigns if found is not None else known
    assert [one.campaign for one in known] == [
        f"c{n}" for n in range(2 * MAX_CAMPAIGNS - 1, MAX_CAMPAIGNS - 1, -1)
    ]
    assert {len(one.item_ids) for one in known} == {MAX_ITEMS}


def test_what_is_older_than_is_kept_goes_at_the_next_write() -> None:
    oldest = Exposure("older", NOW - RETENTION_US + 1, ("A",))
    found = remember((oldest, shown("old", "A", 60)), "B")
    assert found is not None
    assert [one.campaign for one in found.campaigns] == ["may", "older"]


def test_an_open_writes_nothing_from_before_an_erasure_and_writes_if_only_for_that() -> None:
    known = shown("may", "A", 1), shown("june", "C", 2), shown("spring", "B", 3)
    assert remember(known, "A", erased_at=shown("summer", "", 4).shown_at) is None
    found = remember(known, "A", erased_at=known[1].shown_at)
    assert found is not None
    assert found.campaigns == known[:1]
    found = remember(known, "B", erased_at=NOW - clock.HOUR)
    assert found is not None
    assert found.campaigns == (Exposure("may", NOW, ("B",)),)


def test_an_erasure_takes_all_of_its_second() -> None:
    inside, after = Exposure("may", NOW + 999_999, ("A",)), Exposure("june", NOW + clock.SECOND, ("B",))
    assert merged([document(after, inside)], NOW) == (after,)


# Withdrawals


SECOND = NOW // clock.SECOND - 3 * 86_400
"""Three days ago."""


def after_withdrawal(stored: Exposures | None, second: int = SECOND) -> Exposures | None:
    return without_withdrawn(stored, withdrawn("ann", second, NOW))


def test_a_withdrawal_takes_what_was_shown_before_and_leaves_what_was_shown_later() -> None:
    later = shown("may", "A", 1), shown("june", "B", 2)
    found = after_withdrawal(document(*later, shown("spring", "C", 3), shown("winter", "D", 4)))
    assert found is not None
    assert (found.campaigns, found.expire_at) == (later, later[0].shown_at + RETENTION_US)


def test_it_takes_all_of_its_second() -> None:
    inside = Exposure("may", (SECOND + 1) * clock.SECOND - 1, ("A",))
    after = Exposure("june", (SECOND + 1) * clock.SECOND, ("B",))
    found = after_withdrawal(document(after, inside))
    assert found is not None
    assert found.campaigns == (after,)


def test_what_is_so_already_costs_no_write() -> None:
    assert after_withdrawal(document(shown("may", "A", 1))) is None
    assert after_withdrawal(document()) is None
    once = after_withdrawal(document(shown("may", "A", 4)))
    assert after_withdrawal(once) is None


def test_where_nothing_was_shown_a_place_is_held_for_a_while() -> None:
    found = after_withdrawal(None)
    assert found is not None
    assert (found.id, found.campaigns, found.expire_at) == ("ann", (), NOW + RETENTION_US)


@given(st.integers(0, 2 * NOW), st.integers(0, 3), st.integers(0, clock.HOUR))
def test_whoever_read_before_a_withdrawal_can_no_longer_write(
    version: int, opens: int, ahead_us: int
) -> None:
    """Several opens that were under way may have written one after the other, by a clock that is ahead."""
    before = Exposures(id="ann", version=version, updated_at=NOW, campaigns=(shown("may", "A", 4),))
    found = after_withdrawal(before)
    written = remembering(before.campaigns, "ann", "june", "B", version + opens, 0, NOW + ahead_us - 4)
    assert found is not None
    assert written is not None
    assert found.version > written.version
    assert found.version >= before.version + UNDER_WAY_US


def test_whoever_reads_what_it_left_can_write() -> None:
    left = after_withdrawal(document(shown("may", "A", 4)))
    assert left is not None
    found = remembering(left.campaigns, "ann", "june", "B", left.version, 0, NOW + 1)
    assert found is not None
    assert found.version > left.version
    assert found.campaigns == (Exposure("june", NOW + 1, ("B",)),)


exposure_lists = st.lists(
    st.builds(
        shown, st.sampled_from("xyz"), st.text("ABCDE", max_size=4).map(dict.fromkeys), st.integers(0, 9)
    ),
    max_size=4,
)


@given(exposure_lists, exposure_lists)
def test_what_two_names_know_of_a_shopper_is_one_whichever_is_read_first(
    one: list[Exposure], other: list[Exposure]
) -> None:
    both = merged([document(*one), document(*other)], 0)
    assert both == merged([document(*other), document(*one)], 0)
    assert both == merged([document(*both), document(*both)], 0)
    assert {item for each in both for item in each.item_ids} == {
        item for each in (*one, *other) for item in each.item_ids
    }
    assert len({each.campaign for each in both}) == len(both)
