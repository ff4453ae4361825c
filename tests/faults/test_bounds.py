"""Those who do more than is remembered: what is promised then holds, and no memory grows without end."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from job_under_fire import BAD, LATER, differences, documents, run_job
from shop_story import Message
from streaming_support import NOW, pseudonym

from demo.conservation import accounts, unsettled
from evermail import clock
from evermail.clock import HOUR, MINUTE, SECOND
from evermail.decay import DecayedRow
from evermail.documents import Key, Neighbors, Profile, Trending
from evermail.event_ids import MAX_IDS
from evermail.events import Code
from evermail.holdings import MAX_CART, MAX_PURCHASED
from evermail.interest import HALF_LIFE_US
from evermail.shopper import MAX_HISTORY, ShopperState
from evermail.stores.sqlite import SqliteStore
from pipeline.neighbors import STATE_FACTOR

START = NOW - 26 * HOUR
BUSY, ROBOTS = ("ann", "ben", "cleo"), ("robot-1", "robot-2")
TOUCHES, VISITS, OFFLINE = 200, 1500, 50
SHUFFLED_S = 500
HUB = "hub"

Told = list[Message]


def event(at: int, shopper: str, number: int, name: str, *items: str) -> bytes:
    fields: dict[str, Any] = {
        "event_id": f"{shopper}-{number}",
        "event_name": name,
        "event_time": clock.to_rfc3339(at),
        "user_id": shopper,
        "client_id": None,
        "items": [{"item_id": item, "item_category": "all"} for item in items],
    }
    return msgspec.json.encode(fields)


def busy(shopper: str, dice: random.Random) -> Told:
    """Far more touches than a history has; what comes late is well within it."""
    told = []
    for number in range(TOUCHES):
        at = START + number * MINUTE
        name = dice.choice(["view_item", "view_item", "add_to_cart", "purchase"])
        told.append(Message(at, event(at, shopper, number, name, f"I{dice.randrange(60)}")))
    return told


def robot(shopper: str) -> Told:
    """More events than ids are remembered, one a second: it goes through all of the shop, and back to one
    item again and again. What comes late is out of sight of its history."""
    told = []
    for number in range(VISITS):
        at = START + number * SECOND
        name = "purchase" if number % 5 == 0 else "add_to_cart" if number % 5 == 1 else "view_item"
        items = [HUB] if number % 5 == 2 else [f"{shopper}-item-{number}"]
        told.append(Message(at, event(at, shopper, number, name, *items)))
    return told


def offline(shopper: str) -> Told:
    """A phone of the same user, from before all that: it searched, and is heard of once the rest is over."""
    told = []
    for number in range(OFFLINE):
        at = START - (OFFLINE - number) * SECOND
        told.append(Message(at + 50 * MINUTE, event(at, shopper, VISITS + number, "search")))
    return told


def under_fire(told: Told, dice: random.Random) -> tuple[Told, Told]:
    """The originals in disorder, and copies of them, some of them much later but never too late."""
    late = [
        Message(one.arrives_us + dice.randrange(SHUFFLED_S * SECOND), one.data)
        if dice.random() < 0.2
        else one
        for one in told
    ]
    copies = [
        Message(one.arrives_us + dice.randrange(3000 * SECOND), one.data)
        for one in late
        if dice.random() < 0.2
    ]
    return late, copies


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("quick_runner")
def test_who_does_more_than_is_remembered_is_counted_right_all_the_same(tmp_path: Path) -> None:
    """An event whose id may have been let go is refused, whether it is a copy or not, as nobody can tell."""
    dice = random.Random(21)
    told = [one for shopper in BUSY for one in busy(shopper, dice)]
    told += [one for shopper in ROBOTS for one in robot(shopper)]
    unheard = offline(ROBOTS[0])
    late, copies = under_fire(told, dice)
    fire, calm = tmp_path / "fire.sqlite3", tmp_path / "quiet.sqlite3"
    messages = sorted(late + copies + unheard, key=_arrival)
    left = run_job(messages, fire, restarts=2, faults=BAD, failing_bundles=0.05, seed=22)
    run_job(sorted(told, key=_arrival), calm)

    found = accounts(dict(left.counters))
    assert found.total == len(messages)
    assert (found.accepted, found.late, found.erased) == (len(told), 0, 0)
    refused = found.rejected[Code.IDS_FORGOTTEN]
    assert found.rejected == left.letters == {Code.IDS_FORGOTTEN: refused}
    assert found.duplicate + refused - len(unheard) == len(copies)
    assert refused > len(unheard)
    assert unsettled(dict(left.counters)) == []
    assert left.had_a_bad_day()

    # Profiles are the same: what is out of sight of a history is not in it on any day.
    assert differences(documents(fire, Profile, Trending), documents(calm, Profile, Trending)) == {}
    rows, rows_of_a_quiet_day = documents(fire, Neighbors), documents(calm, Neighbors)
    of_people = {key for key in rows_of_a_quiet_day if key.id.startswith("I")}
    assert len(of_people) > 50
    assert all(rows[key] == rows_of_a_quiet_day[key] for key in of_people)
    _assert_within_bounds(fire)


def _assert_within_bounds(path: Path) -> None:
    store = SqliteStore(path, clock=lambda: LATER)
    names = {pseudonym("user", name): name for name in (*BUSY, *ROBOTS)}
    keys = [Key(Profile.COLLECTION, name) for name in names]
    found = store.get_many([*keys, Key(Neighbors.COLLECTION, HUB)], with_memory=True)
    memories = {names[key.id]: ShopperState.from_bytes(found[key].memory) for key in keys}
    for name, memory in memories.items():
        assert len(memory.touches) == MAX_HISTORY, name
        assert memory.history_horizon > 0, name
    for name in ROBOTS:
        memory = memories[name]
        assert MAX_IDS * 3 // 4 <= len(memory.ids.seen) <= MAX_IDS
        assert len(memory.holdings.purchased) == MAX_PURCHASED
        assert len(memory.holdings.lines) == MAX_CART
    hub = found[Key(Neighbors.COLLECTION, HUB)]
    assert isinstance(hub, Neighbors)
    assert len(hub.neighbors) == 50
    kept = STATE_FACTOR * 50
    assert kept <= len(DecayedRow.from_bytes(hub.memory, HALF_LIFE_US, kept)) <= 2 * kept


def _arrival(message: Message) -> int:
    return message.arrives_us
