"""Beam's FnApiRunner, bundle by bundle: left alone, it gives a stage all at once and fires timers in the end.

Within `bundles`, a stage gets what came of one bundle of the stage before it. While it works through them the
timers' clock goes on, and the timers that are due fire with the next bundle, as they would in a stream. The
worker's code runs as it is; state stays in its cache from bundle to bundle, as in a worker of Dataflow that
keeps its keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any
from unittest import mock

from apache_beam.metrics import monitoring_infos
from apache_beam.portability.api import beam_fn_api_pb2, beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.fn_api_runner.execution import GroupingBuffer

from evermail import clock

TIMERS_AT_ONCE = 1_000
"""Of those that are due when the input is over."""

_START_US = clock.DAY
_now_us = _START_US


def timer_clock() -> int:
    """The clock that the job's timers are to follow, in microseconds."""
    return _now_us


def _set_clock(time_us: int) -> None:
    global _now_us
    _now_us = time_us


@contextmanager
def bundles(*, apart: bool, step_us: int) -> Iterator[None]:
    """Within it, pipelines run bundle by bundle, `step_us` of the timers' clock after each other; or, unless
    `apart`, with one bundle a stage. Timers that are not due when the input is over fire then."""
    stock = fn_runner.BundleManager.process_bundle

    def process_bundle(
        self: Any, inputs: Any, outputs: Any, fired: Any, expected_timers: Any, dry_run: bool = False
    ) -> Any:
        self._cache_token_generator = fn_runner.FnApiRunner.get_cache_token_generator()
        _set_clock(_START_US)
        timers = _Timers(self.bundle_context_manager, expected_timers)
        timers.take_fired(fired, TIMERS_AT_ONCE if apart else None)
        parts = [_parts(buffer, apart) for buffer in inputs.values()]
        infos: list[Any] = []
        for number in range(max([1, len(timers.fired), *map(len, parts)])):
            data = [part[number] if number < len(part) else [] for part in parts]
            result, _ = stock(
                self, dict(zip(inputs, data, strict=True)), outputs, timers.due(), expected_timers, dry_run
            )
            infos += result.process_bundle.monitoring_infos
            if step_us:
                timers.take_set()
                _set_clock(_now_us + step_us)
        timers.give_back()
        response = beam_fn_api_pb2.ProcessBundleResponse(monitoring_infos=monitoring_infos.consolidate(infos))
        return beam_fn_api_pb2.InstructionResponse(process_bundle=response), []

    with mock.patch.object(fn_runner.BundleManager, "process_bundle", process_bundle):
        yield


def _parts(buffer: Any, apart: bool) -> list[list[bytes]]:
    """What a stage is given, by bundle: one for each that the stage before it had, or for each group."""
    if not apart:
        return [list(buffer)]
    if isinstance(buffer, GroupingBuffer):
        return buffer.partition(max(1, len(buffer._table)))
    return [[data] for data in buffer]


class _Timers:
    """The timers of one stage: those the runner fires, and those set meanwhile, which it does not see."""

    def __init__(self, stage: Any, expected: Any) -> None:
        self.fired: list[tuple[Any, list[Any]]] = []
        self._stage = stage
        self._expected = expected
        self._coders = {family: stage.get_timer_coder_impl(*family) for family in expected}
        self._set: dict[Any, Any] = {}
        self._queue: list[Any] = []
        self._count = 0

    def take_fired(self, fired: Any, at_once: int | None) -> None:
        for family, buffer in fired.items():
            timers = [timer for data in buffer for timer in self._coders[family].decode_all(data)]
            timers.sort(key=lambda timer: timer.fire_timestamp)
            size = at_once or len(timers)
            self.fired += [(family, timers[at : at + size]) for at in range(0, len(timers), size)]
        self.fired.reverse()

    def due(self) -> dict[Any, list[bytes]]:
        """What fires with the next bundle, encoded, by family."""
        firing: dict[Any, list[Any]] = {}
        if self.fired:
            family, timers = self.fired.pop()
            firing[family] = timers
            if self._follows_the_clock(family):
                _set_clock(max(_now_us, timers[-1].fire_timestamp.micros))
        while self._queue and self._queue[0][0] <= _now_us:
            _, _, name = heappop(self._queue)
            timer = self._set.get(name)
            if timer is not None and timer.fire_timestamp.micros <= _now_us:
                del self._set[name]
                firing.setdefault(name[0], []).append(timer)
        return {family: [self._coders[family].encode_all(timers)] for family, timers in firing.items()}

    def take_set(self) -> None:
        """Takes the timers of processing time that a bundle has set."""
        for family in filter(self._follows_the_clock, self._expected):
            buffer = self._buffer(family)
            for data in () if buffer.cleared else buffer:
                for timer in self._coders[family].decode_all(data):
                    name = family, timer.user_key, timer.dynamic_timer_tag, timer.windows[0]
                    self._set.pop(name, None)
                    if not timer.clear_bit:
                        self._count += 1
                        self._set[name] = timer
                        heappush(self._queue, (timer.fire_timestamp.micros, self._count, name))
            buffer.clear()

    def give_back(self) -> None:
        """Leaves to the runner what was not due when the input was over."""
        for (family, *_), timer in self._set.items():
            buffer = self._buffer(family)
            if buffer.cleared:
                buffer.reset()
            buffer.append(self._coders[family].encode_all([timer]))

    def _buffer(self, family: Any) -> Any:
        return self._stage.get_buffer(self._expected[family][0], family[0])

    def _follows_the_clock(self, family: Any) -> bool:
        return self._expected[family][1] == beam_runner_api_pb2.TimeDomain.PROCESSING_TIME
