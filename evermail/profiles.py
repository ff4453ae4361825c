"""A shopper's memory as a document, and back: what is shown of it, and beside it the memory itself."""

from __future__ import annotations

from evermail import clock
from evermail.consent import Statement
from evermail.documents import Profile, Seen
from evermail.holdings import CartLine, Holdings
from evermail.interest import Touch
from evermail.links import Link
from evermail.shopper import ShopperState

PROFILE_HISTORY = 50
PROFILE_RETENTION_US = 180 * clock.DAY


def to_profile(state: ShopperState, shopper: str, now_us: int) -> Profile:
    """The document of this shopper, with the memory that a state can be made of again.

    Its version is the time of writing, moved on where clocks go back. One that says nothing is already
    expired; one of a client who is known as a user, or of a former name, says only where to look.
    """
    state.version = max(state.version + 1, now_us)
    as_of = max([state.as_of, *(link.event_time for link in state.links)])
    if not state.has_document:
        return Profile.erased(shopper, state.version, now_us)
    return Profile(
        id=shopper,
        version=state.version,
        updated_at=now_us,
        expire_at=(as_of or now_us) + PROFILE_RETENTION_US,
        memory=state.to_bytes(),
        as_of=as_of,
        events=state.events,
        history=[
            Seen(touch.item_id, touch.event_time, touch.event)
            for touch in reversed(state.touches[-PROFILE_HISTORY:])
        ],
        cart=state.holdings.quantities(),
        purchased=dict(sorted(state.holdings.purchased.items())),
        moved_to=state.renamed or (state.links[-1].user if state.links else None) or None,
        renamed=bool(state.renamed),
    )


def from_profile(profile: Profile) -> ShopperState:
    """A state to go on from: all of it if the profile has its memory, else what the document says.

    What shoppers said is in the memory alone. A document that shows nothing is there because of that: it is
    taken for a refusal, as nobody who refused may be used again.
    """
    if profile.memory:
        state = ShopperState.from_bytes(profile.memory)
        state.version = max(state.version, profile.version)
        return state
    purchased = dict(profile.purchased)
    lines = {
        item_id: CartLine(purchased.get(item_id, 0)).changed((profile.as_of, 0, quantity))
        for item_id, quantity in profile.cart.items()
    }
    refused = not (profile.events or profile.moved_to)
    return ShopperState(
        statements=[Statement(profile.updated_at // clock.SECOND, 0, False)] if refused else [],
        events=profile.events,
        as_of=profile.as_of,
        version=profile.version,
        touches=sorted(
            Touch(seen.event_time, 0, -place, seen.item_id, seen.event)
            for place, seen in enumerate(profile.history)
        ),
        holdings=Holdings(lines, purchased),
        links=[Link(0, 0, profile.moved_to)] if profile.moved_to and not profile.renamed else [],
        renamed=profile.moved_to or "" if profile.renamed else "",
        # Whether these touches were counted as returns is not known: they have had their word.
        returns_horizon=profile.history[0].event_time if profile.history else 0,
    )
