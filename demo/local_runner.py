"""Makes Beam's BundleBasedDirectRunner fit for a live demo. For one machine only: never on Dataflow.

Stock (Beam 2.77), the runner does all its work in one thread and
- pulls ten messages at a time and waits up to 30 s for the first. While it waits no timer fires, so the last
  profiles of a burst stay unwritten, and ten messages a round trip cap it well below what it can process;
- counts only the first bundle of each step (pipeline/local_counters.py);
- makes and sets up every DoFn anew for each bundle (kept_dofns.py);
- reads the state and timer declarations of a DoFn from its source, by reflection, many times a bundle;
- copies the timers of every key in a bundle in depth, though they are only names and times;
- asks every key of every stateful step for its timers after every bundle, so each event costs more as
  keys pile up.

`patch` pulls up to `PULL_MESSAGES` and does not wait, counts every bundle, keeps DoFns, reads declarations
once, copies timers flat and looks for them only where one can be due. What the runner computes stays the
same. Like the stock runner it acknowledges before it processes: what was pulled and not yet processed is lost
when the process is killed.
"""

from __future__ import annotations

import itertools
import time
import warnings
from copy import deepcopy
from heapq import heappop, heappush
from typing import Any

from apache_beam.runners.direct import transform_evaluator, watermark_manager
from apache_beam.runners.direct.evaluation_context import EvaluationContext
from apache_beam.runners.direct.util import TimerFiring
from apache_beam.transforms import DoFn, userstate
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.trigger import InMemoryUnmergedState
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp

from demo.kept_dofns import keep_dofns
from pipeline.local_counters import count_every_bundle

PULL_MESSAGES = 200
IDLE_S = 0.02
"""The pause after an empty pull: bounds both the delay of the next event and the cost of waiting."""

HALF_AN_HOUR_US = 30 * 60 * 1_000_000


def patch() -> None:
    """Applies the changes to the installed Beam, for this process."""
    _pull_more_and_wait_less()
    patch_all_but_the_source()


def patch_all_but_the_source() -> None:
    """The same for pipelines that do not read from Pub/Sub."""
    count_every_bundle()
    keep_dofns()
    _read_declarations_once()
    _copy_timers_flat()
    _look_for_timers_only_where_due()


class _QuickClient:
    """A subscriber client whose pulls are large and return at once, messages or none.

    A short deadline instead would let answers be lost on their way, to come again only when their lease ends.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.acknowledge = client.acknowledge

    def pull(self, subscription: str, **_: Any) -> Any:
        with warnings.catch_warnings():
            # return_immediately is discouraged in the cloud, and fine for one local reader.
            warnings.simplefilter("ignore", DeprecationWarning)
            response = self._client.pull(
                subscription=subscription, max_messages=PULL_MESSAGES, return_immediately=True
            )
        if not response.received_messages:
            time.sleep(IDLE_S)
        return response


def _pull_more_and_wait_less() -> None:
    evaluator = transform_evaluator._PubSubReadEvaluator
    stock = evaluator._get_subscriber_client.__func__

    @classmethod  # type: ignore[misc]
    def quick(cls: Any, transform: Any) -> _QuickClient:
        return _QuickClient(stock(cls, transform))

    evaluator._get_subscriber_client = quick


def _read_declarations_once() -> None:
    """A DoFn's declarations belong to its class and never change."""
    stock_specs, stock_validate = userstate.get_dofn_specs, userstate.validate_stateful_dofn
    specs: dict[type[DoFn], Any] = {}
    valid: set[type[DoFn]] = set()

    def get_dofn_specs(dofn: DoFn) -> Any:
        kind = type(dofn)
        if kind not in specs:
            specs[kind] = stock_specs(dofn)
        return specs[kind]

    def validate_stateful_dofn(dofn: DoFn) -> None:
        if type(dofn) not in valid:
            stock_validate(dofn)
            valid.add(type(dofn))

    userstate.get_dofn_specs = transform_evaluator.get_dofn_specs = get_dofn_specs
    userstate.validate_stateful_dofn = validate_stateful_dofn


def _copy_timers_flat() -> None:
    def copy(self: Any) -> InMemoryUnmergedState:
        clone = InMemoryUnmergedState(defensive_copy=self.defensive_copy)
        for window, timers in self.timers.items():
            clone.timers[window] = dict(timers)
        for window, tags in self.state.items():
            clone.state[window].update((tag, list(values)) for tag, values in tags.items())
        clone.global_state = deepcopy(self.global_state)
        return clone

    InMemoryUnmergedState.copy = copy


def _look_for_timers_only_where_due() -> None:
    stock_initialize = EvaluationContext._initialize_keyed_states

    def extract_transform_timers(self: Any) -> tuple[list[TimerFiring], bool]:
        with self._lock:
            firings = []
            now = self._clock.time()
            reached = {
                TimeDomain.WATERMARK: self._input_watermark.micros,
                TimeDomain.REAL_TIME: Timestamp.of(now).micros,
            }
            for encoded_key, state in self._keyed_states.pop_due(reached):
                expired, _ = state.get_timers(watermark=self._input_watermark, processing_time=now)
                for window, (name, domain, timestamp, tag) in expired:
                    firings.append(TimerFiring(encoded_key, window, name, domain, timestamp, tag))
            self._fired_timers.update(firings)
            return firings, bool(self._keyed_states.armed)

    def initialize_keyed_states(self: Any, *arguments: Any) -> dict[Any, _KeyedStates]:
        return {step: _KeyedStates() for step in stock_initialize(self, *arguments)}

    EvaluationContext._initialize_keyed_states = initialize_keyed_states
    watermark_manager._TransformWatermarks.extract_transform_timers = extract_transform_timers


class _KeyedStates(dict[Any, Any]):
    """The states of a step's keys, and which have a timer set. A bundle's states are put back whole.

    Timers that are due within the next half hour wait in a heap for each of the two clocks; from time to time
    it is made anew from all that are set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.armed: dict[Any, Any] = {}
        self._due: dict[str, list[tuple[int, int, Any]]] = {domain: [] for domain in _DOMAINS}
        self._complete_until_us = dict.fromkeys(_DOMAINS, MIN_TIMESTAMP.micros)
        self._numbers = itertools.count()

    def __setitem__(self, key: Any, state: Any) -> None:
        super().__setitem__(key, state)
        if state.timers:
            self.armed[key] = state
            for domain in _DOMAINS:
                self._watch(domain, key, state)
        else:
            self.armed.pop(key, None)

    def pop_due(self, reached_us: dict[str, int]) -> list[tuple[Any, Any]]:
        """Keys and states with a timer that its clock has reached, each once until it is put back."""
        found: dict[Any, Any] = {}
        for domain, horizon_us in reached_us.items():
            if horizon_us > self._complete_until_us[domain]:
                self._complete_until_us[domain] = horizon_us + HALF_AN_HOUR_US
                self._due[domain] = []
                for key, state in self.armed.items():
                    self._watch(domain, key, state)
            due = self._due[domain]
            while due and due[0][0] <= horizon_us:
                _, _, key = heappop(due)
                state = self.armed.get(key)
                if state is not None and _earliest_timer_us(state, domain) <= horizon_us:
                    found[key] = state
        return list(found.items())

    def _watch(self, domain: str, key: Any, state: Any) -> None:
        earliest_us = _earliest_timer_us(state, domain)
        if earliest_us <= self._complete_until_us[domain]:
            heappush(self._due[domain], (earliest_us, next(self._numbers), key))


_DOMAINS = (TimeDomain.WATERMARK, TimeDomain.REAL_TIME)


def _earliest_timer_us(state: Any, domain: str) -> int:
    earliest = MAX_TIMESTAMP.micros
    for timers in state.timers.values():
        for (_, timers_domain, _), timestamp in timers.items():
            if timers_domain == domain:
                earliest = min(earliest, timestamp.micros)
    return earliest
