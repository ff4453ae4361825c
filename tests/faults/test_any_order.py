"""People who do the same, each told of in another order, with copies, across restarts on a bad day: whatever
the order, what is known of them is the same."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from job_under_fire import BAD, Left, documents, run_job
from shop_story import Message
from streaming_support import NOW, pseudonym

from demo.conservation import accounts, unsettled
from evermail import clock
from evermail.clock import MINUTE, SECOND
from evermail.documents import Key, Profile

TWINS = 40
START = NOW - 100 * MINUTE
BLOCK = 12 * MINUTE

Step = dict[str, Any]
"""What of an event is the same for all twins. Roles stand for names: `user`, `cookie`, `phone`."""


def does(item: str, name: str = "view_item", device: str | None = None) -> Step:
    return {"event_name": name, "user_id": "user", "client_id": device, "items": [{"item_id": item}]}


def browses(item: str, device: str = "cookie") -> Step:
    return {"event_name": "view_item", "client_id": device, "items": [{"item_id": item}]}


def logs_in(device: str = "cookie") -> Step:
    return {"event_name": "identify", "user_id": "user", "client_id": device}


def is_forgotten(user: str | None = "user", device: str | None = None) -> Step:
    return {"event_name": "erase_user", "user_id": user, "client_id": device}


def says(allowed: bool, user: str | None = "user", device: str | None = None) -> Step:
    consent = {"personalization": allowed}
    return {"event_name": "update_consent", "user_id": user, "client_id": device, "consent": consent}


STRANGER = (None, "cookie")

ANY_ORDER: dict[str, list[list[Step]]] = {
    "fills the cart and buys": [
        [
            does("I1"),
            does("I2", "add_to_cart"),
            does("I2", "remove_from_cart"),
            does("I3", "add_to_cart"),
            does("I3", "purchase"),
            does("I3", "add_to_cart"),
            does("I4", "add_to_wishlist"),
        ]
    ],
    "logs in on two devices": [
        [
            browses("I1"),
            browses("I2", "phone"),
            logs_in(),
            browses("I3"),
            does("I4"),
            logs_in("phone"),
            browses("I5", "phone"),
        ]
    ],
    "logs in again": [[browses("I1"), logs_in(), browses("I2"), logs_in(), browses("I3")]],
    "is forgotten": [[does("I1"), does("I2"), is_forgotten(), does("I3"), does("I4", "purchase")]],
    "is forgotten with the browser": [
        [does("I1", device="cookie"), is_forgotten(device="cookie"), does("I2", device="cookie"), does("I3")]
    ],
    "is forgotten twice": [[does("I1"), is_forgotten(), does("I2"), is_forgotten(), does("I3")]],
    "a stranger is forgotten": [[browses("I1"), browses("I2"), is_forgotten(*STRANGER), browses("I3")]],
    "known by a browser, is forgotten with it": [
        [browses("I1"), logs_in(), browses("I2"), is_forgotten(device="cookie")],
        [browses("I3"), does("I4")],
    ],
    "known by a browser, is forgotten": [
        [browses("I1"), logs_in(), browses("I2"), is_forgotten(), does("I3"), does("I4")]
    ],
    "withdraws": [[does("I1"), does("I2", "add_to_cart"), says(False), does("I3"), does("I4", "purchase")]],
    "a stranger withdraws": [[browses("I1"), says(False, *STRANGER), browses("I2"), browses("I3")]],
    "known by a browser, withdraws": [
        [browses("I1"), logs_in(), browses("I2"), says(False), browses("I3"), does("I4")]
    ],
    "withdraws and agrees again": [
        [does("I1"), says(False), does("I2")],
        [says(True)],
        [does("I3"), does("I4")],
    ],
    "withdraws and is forgotten": [[does("I1"), says(False), does("I2"), is_forgotten(), does("I3")]],
    "withdraws, agrees again and is forgotten": [
        [does("I1"), says(False)],
        [says(True)],
        [does("I2"), is_forgotten(), does("I3")],
    ],
}
"""Blocks of what may arrive in any order, each block after the one before. Copies may arrive at any time."""

ORDER_COUNTS: dict[str, list[list[Step]]] = {
    "browses while being forgotten by name": [[logs_in(), browses("I1"), is_forgotten(), browses("I2")]],
    "browses while being forgotten": [
        [logs_in(), browses("I1"), is_forgotten(device="cookie"), browses("I2")]
    ],
    "logs in and withdraws": [[browses("I1"), logs_in(), says(False, device="cookie")]],
    "logs in and withdraws by the browser": [[browses("I1"), logs_in(), says(False, *STRANGER)]],
}
"""Where the order still counts: what people say works from when it arrives. What a linked browser did before
an erasure was heard of stays where it went; who has said no is not joined by an older `identify`."""

CASES = ANY_ORDER | ORDER_COUNTS


@dataclass
class Day:
    messages: list[Message]
    left: Left
    profiles: dict[Key, dict[str, Any]]
    orders: dict[tuple[str, int], list[str]]

    def known_of(self, case: str, twin: int) -> dict[str, Any]:
        """The profiles of a twin, by role."""
        names = _names(case, twin)
        roles = {pseudonym(kind, name): role for role, (kind, name) in names.items()}
        known = {}
        for name, role in roles.items():
            profile = self.profiles.get(Key(Profile.COLLECTION, name))
            if profile is not None:
                moved_to = profile.get("moved_to")
                known[role] = {**profile, "id": role, "moved_to": moved_to and roles[moved_to]}
        return known


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory, quick_runner: None) -> Day:
    dice = random.Random(11)
    messages: list[Message] = []
    orders = {}
    for case in CASES:
        for twin in range(TWINS):
            told = _told(case, twin, dice)
            messages += told
            orders[case, twin] = [_brief(message) for message in sorted(told, key=_arrival)]
    messages.sort(key=_arrival)
    path = tmp_path_factory.mktemp("day") / "store.sqlite3"
    left = run_job(messages, path, restarts=3, faults=BAD, failing_bundles=0.05, seed=12)
    return Day(messages, left, documents(path, Profile), orders)


@pytest.mark.parametrize(
    "case",
    [
        *ANY_ORDER,
        *(pytest.param(case, marks=pytest.mark.xfail(strict=True)) for case in ORDER_COUNTS),
    ],
)
def test_what_is_known_of_somebody_does_not_depend_on_the_order(day: Day, case: str) -> None:
    in_order = day.known_of(case, 0)
    others = {twin: day.known_of(case, twin) for twin in range(1, TWINS)}
    odd = [(day.orders[case, twin], known) for twin, known in others.items() if known != in_order]
    assert (in_order, odd[:1]) == (in_order, [])


def test_every_event_counts_at_most_once(day: Day) -> None:
    found = accounts(dict(day.left.counters))
    events = len({message.data for message in day.messages})
    assert found.total == len(day.messages)
    assert found.rejected == {}
    assert found.late == 0
    assert found.accepted <= events <= found.accepted + found.erased
    assert found.profiled == sum(profile["events"] for profile in day.profiles.values())
    assert unsettled(dict(day.left.counters)) == []
    assert day.left.had_a_bad_day()


def _told(case: str, twin: int, dice: random.Random) -> list[Message]:
    """Of the first twin as it happened, each once; of the others in any order, with copies."""
    names = {role: name for role, (_, name) in _names(case, twin).items()} | {None: None}
    messages = []
    number = 0
    for place, block in enumerate(CASES[case]):
        begins = START + (place + 1) * BLOCK
        arrivals = sorted(begins + dice.randrange(BLOCK) for _ in block)
        if twin:
            dice.shuffle(arrivals)
        for step, arrives_us in zip(block, arrivals, strict=True):
            number += 1
            data = msgspec.json.encode(
                {
                    **step,
                    "event_id": f"{case}-{twin}-{number}",
                    "event_time": clock.to_rfc3339(START + number * 10 * SECOND),
                    "user_id": names[step.get("user_id")],
                    "client_id": names[step["client_id"]],
                }
            )
            messages.append(Message(arrives_us, data))
            if twin and dice.random() < 0.3:
                messages.append(Message(dice.randrange(arrives_us, START + 4 * BLOCK), data))
    return messages


def _names(case: str, twin: int) -> dict[str, tuple[str, str]]:
    """Kinds and names by role."""
    name = f"{case.replace(' ', '-').replace(',', '')}-{twin}"
    browsers = {role: ("client", f"{name}-{role}") for role in ("cookie", "phone")}
    return {"user": ("user", name), **browsers}


def _arrival(message: Message) -> int:
    return message.arrives_us


def _brief(message: Message) -> str:
    """An event in a few words, for whoever has to find out why its order matters."""
    event = msgspec.json.decode(message.data)
    items = "".join(item["item_id"] for item in event.get("items", ()))
    device = (event["client_id"] or "").rpartition("-")[2]
    by = " and ".join(filter(None, [event["user_id"] and "user", device]))
    return f"{event['event_id'].rpartition('-')[2]}: {event['event_name']} {items} by {by}"
