"""Short lives of people who share browsers, told in any order, with copies, restarts and rotations of keys:
the law of conservation holds in each."""

from __future__ import annotations

import random

import pytest
from people_support import browser, erase, identify, says
from stages_by_hand import Stages
from streaming_support import SECRET, event
from test_rotation import KEYS, after, before

from evermail.events import Event
from pipeline.keys import LiteralKeys

ONE_KEY = LiteralKeys({"k1": SECRET})
LIVES = 400


def live(dice: random.Random, *, consent: bool, erasure: bool) -> list[Event]:
    """What two people do with two browsers, in the order of time."""
    told: list[Event] = []
    while len(told) < 14:
        at, user, cookie = -dice.randrange(1, 400), dice.choice(["anna", "ben"]), dice.choice(["c1", "c2"])
        somebody = dice.choice([user, None])
        what = dice.random()
        if what < 0.35:
            told.append(browser(dice.choice("ABC"), at=at, cookie=cookie))
        elif what < 0.6:
            told.append(event(dice.choice("ABC"), at=at, shopper=user))
        elif what < 0.78:
            told.append(identify(user, at=at, cookie=cookie))
        elif what < 0.9 and consent:
            told.append(says(dice.random() < 0.5, at=at, user=somebody, cookie=cookie))
        elif what >= 0.9 and erasure:
            told.append(erase(somebody, at=at, cookie=cookie))
    return sorted(told, key=lambda one: one.event_time)


def with_copies(told: list[Event], dice: random.Random) -> list[Event]:
    messages = list(told)
    for one in told:
        if dice.random() < 0.4:
            messages.insert(dice.randrange(messages.index(one) + 1, len(messages) + 1), one)
    return messages


@pytest.mark.parametrize("rotates", [False, True], ids=["", "rotated"])
@pytest.mark.parametrize(
    ("consent", "erasure", "shuffled"),
    [(False, False, True), (True, False, True), (True, True, False), (False, True, False)],
    ids=["disorder", "consent in disorder", "consent and erasure", "erasure"],
)
def test_the_law_holds_in_every_life(consent: bool, erasure: bool, shuffled: bool, rotates: bool) -> None:
    for seed in range(LIVES):
        dice = random.Random(seed)
        told = live(dice, consent=consent, erasure=erasure)
        if shuffled:
            dice.shuffle(told)
        messages = with_copies(told, dice)
        half = len(messages) // 2
        stages = Stages()
        stages.run([before(one) for one in messages[:half]], ONE_KEY)
        rest = [(after if rotates else before)(one) for one in messages[half:]]
        stages.run(rest, KEYS if rotates else ONE_KEY)
        assert stages.broken(len(told), len(messages)) == [], f"life {seed}"
