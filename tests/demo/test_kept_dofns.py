"""One DoFn serves the bundles of its step on the local runner, and what comes out stays the same."""

from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.transform_evaluator import _ParDoEvaluator
from apache_beam.runners.sdf_utils import NoOpWatermarkEstimatorProvider
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.userstate import CombiningValueStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from demo.kept_dofns import keep_dofns

LIFE: list[str] = []


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for method in ("start_bundle", "finish_bundle"):
        monkeypatch.setattr(_ParDoEvaluator, method, getattr(_ParDoEvaluator, method))
    name = "_inspect_create_watermark_estimator"
    monkeypatch.setattr(NoOpWatermarkEstimatorProvider, name, None, raising=False)
    delattr(NoOpWatermarkEstimatorProvider, name)
    LIFE.clear()
    keep_dofns()


class _Counting(beam.DoFn):
    """Says how many elements it has seen, and what happens to it."""

    def setup(self) -> None:
        LIFE.append("setup")
        self._seen = 0

    def start_bundle(self) -> None:
        LIFE.append("start")

    def process(self, element: str) -> Iterator[tuple[str, int]]:
        self._seen += 1
        if element == "poison" and "poison" not in LIFE:
            LIFE.append("poison")
            raise RuntimeError("once")
        yield element, self._seen

    def finish_bundle(self) -> None:
        LIFE.append("finish")


def _run(bundles: list[list[str]], *steps: beam.PTransform, expected: list[object]) -> None:
    stream = TestStream()
    for elements in bundles:
        stream.add_elements(elements)
    with beam.Pipeline("BundleBasedDirectRunner", PipelineOptions(streaming=True)) as pipeline:
        out = pipeline | stream.advance_watermark_to(10).advance_watermark_to_infinity()
        for step in steps:
            out = out | step
        assert_that(out, equal_to(expected))


def test_a_dofn_is_set_up_once_and_serves_all_bundles() -> None:
    _run([["a", "b"], ["c"]], beam.ParDo(_Counting()), expected=[("a", 1), ("b", 2), ("c", 3)])
    life = [what for what in LIFE if what != "start" and what != "finish"]
    assert life == ["setup"]
    assert LIFE.count("start") == LIFE.count("finish") >= 2


def test_each_step_has_a_dofn_of_its_own() -> None:
    again = _Counting()
    first = "First" >> beam.ParDo(again) | "Keys" >> beam.Map(lambda pair: pair[0])
    second = "Second" >> beam.ParDo(again)
    _run([["a"], ["b"]], first, second, expected=[("a", 1), ("b", 2)])
    assert LIFE.count("setup") == 2


def test_one_whose_bundle_failed_is_not_used_again() -> None:
    _run([["a"], ["poison"], ["b"]], beam.ParDo(_Counting()), expected=[("a", 1), ("poison", 1), ("b", 2)])
    assert LIFE.count("setup") == 2


class _Remembering(beam.DoFn):
    SUM = CombiningValueStateSpec("sum", sum)
    END = TimerSpec("end", beam.TimeDomain.WATERMARK)

    def process(  # type: ignore[override]
        self,
        element: tuple[str, int],
        total: object = beam.DoFn.StateParam(SUM),
        end: object = beam.DoFn.TimerParam(END),
    ) -> None:
        total.add(element[1])  # type: ignore[attr-defined]
        end.set(Timestamp(5))  # type: ignore[attr-defined]

    @on_timer(END)
    def say(
        self, key: str = beam.DoFn.KeyParam, total: object = beam.DoFn.StateParam(SUM)
    ) -> Iterator[tuple[str, int]]:
        yield key, total.read()  # type: ignore[attr-defined]


def test_state_and_timers_are_those_of_each_key() -> None:
    keyed = beam.Map(lambda text: (text[0], int(text[1:]))).with_output_types(tuple[str, int])
    _run(
        [["a1", "b2"], ["a3"], ["b5"]],
        keyed,
        beam.ParDo(_Remembering()),
        expected=[("a", 4), ("b", 7)],
    )
