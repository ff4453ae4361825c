"""What the state cache weighs: as much as there is, without walking through it; or as stock Beam does."""

from __future__ import annotations

from collections.abc import Iterator
from sys import getsizeof
from typing import Any

import msgspec
import pytest
from apache_beam.runners.worker import statecache
from streaming_support import NOW, config, event

from evermail.shopper import ShopperState
from pipeline import state_cache
from pipeline.remember import Kept, RememberFn
from pipeline.rows import Shown
from pipeline.users import Users


@pytest.fixture(autouse=True)
def _stock_afterwards() -> Iterator[None]:
    yield
    state_cache.quick_weights(False)


def a_state(events: int) -> ShopperState:
    state = ShopperState()
    for number in range(events):
        name = ["view_item", "add_to_cart", "purchase"][number % 3]
        one = event(f"item-number-{number}", at=number, name=name, event_id=f"event-{number}")
        state.apply(one, oldest_us=0, now_us=one.event_time)
    return state


def walked(value: Any, seen: set[int]) -> int:
    """The bytes of all that a value holds. Python's garbage collector knows less: some of our structs have
    nothing to do with it."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, msgspec.Struct):
        inner = [getattr(value, name) for name in value.__struct_fields__]
        own = object.__sizeof__(value) + 8 * len(inner)
    else:
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else []
        inner += list(value) if isinstance(value, list | tuple) else []
        own = getsizeof(value)
    return own + sum(walked(each, seen) for each in inner)


@pytest.mark.parametrize("events", [0, 1, 10, 100, 1000, 3000])
def test_a_shoppers_memory_weighs_about_what_it_takes(events: int) -> None:
    kept = Kept(a_state(events))
    real = walked(kept.state, set())
    assert real / 2 < state_cache.deep_size([kept]) < real * 2 + 1500


def test_what_is_shown_of_a_row_weighs_about_what_it_takes() -> None:
    shown = Shown(NOW, [(f"item-number-{number}", number + 0.5) for number in range(12)])
    real = walked(shown, set())
    assert real / 2 < state_cache.deep_size([shown]) < real * 2 + 500


@pytest.mark.parametrize(
    "value", [[], [b"x" * 100], [7], ["text", 3.5, None, True], [b"a", b"b" * 5000]], ids=repr
)
def test_plain_values_weigh_what_stock_beam_says(value: list[Any]) -> None:
    assert state_cache.deep_size(value) == pytest.approx(state_cache._measured(value), abs=60)


@pytest.mark.parametrize("value", [{"a": [1]}, [[b"x"]], [{"a": 1}], [object()], (1, 2)], ids=repr)
def test_everything_else_is_measured_as_before(value: Any) -> None:
    assert state_cache.deep_size(value) == state_cache._measured(value)


@pytest.mark.parametrize(
    ("quick", "expected"), [(True, state_cache.deep_size), (False, state_cache._measured)]
)
def test_a_worker_weighs_as_its_job_says(quick: bool, expected: Any) -> None:
    fn = RememberFn(config(quick_state_cache=quick), Users)
    fn.setup()
    assert statecache.get_deep_size is expected


def test_the_caches_limit_still_holds() -> None:
    state_cache.quick_weights(True)
    cache = statecache.StateCache(max_weight=300_000)
    for number in range(100):
        cache.put(f"shopper-{number}", [Kept(a_state(20))])
    held = sum(cache.peek(f"shopper-{number}") is not None for number in range(100))
    assert 10 < held < 60
    assert cache.peek("shopper-99") is not None
