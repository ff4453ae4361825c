"""Where a memory is missing, its document says enough to go on from."""

from __future__ import annotations

import msgspec
import pytest

from evermail import consent
from evermail.clock import SECOND
from evermail.consent import Statement
from evermail.documents import Profile
from evermail.profiles import from_profile, to_profile
from evermail.shopper import ShopperState

NOW = 1_790_000_040_000_000


@pytest.mark.parametrize("erased_second", [-1, NOW // SECOND - 5])
def test_a_refusal_holds_without_the_memory_it_is_kept_in(erased_second: int) -> None:
    state = ShopperState(statements=[Statement(NOW // SECOND - 9, 1, False)], erased_second=erased_second)
    found = from_profile(msgspec.structs.replace(to_profile(state, "anna", NOW), memory=b""))
    assert not consent.allows(found.statements, NOW // SECOND)


@pytest.mark.parametrize("shown", [{"events": 1}, {"events": 0, "moved_to": "ben"}])
def test_who_shows_anything_has_not_refused(shown: dict[str, object]) -> None:
    profile = Profile(id="anna", version=1, updated_at=NOW, as_of=NOW, **shown)  # type: ignore[arg-type]
    assert from_profile(profile).statements == []
