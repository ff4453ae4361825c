"""`python -m pipeline.dataflow.graph` shows what would be sent to Dataflow, so that a person can read it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.transforms import trigger, window
from dataflow_support import DEAD_LETTERS, IMAGE, ROOT, SUBSCRIPTION
from typer.testing import CliRunner, Result

from pipeline.dataflow import graph
from pipeline.dataflow.mermaid import mermaid
from pipeline.dataflow.steps import steps_of
from pipeline.dataflow.windows import windows_in_words

GIVEN = [
    f"--sdk_container_image={IMAGE}",
    f"--events_subscription={SUBSCRIPTION}",
    f"--dead_letter_topic={DEAD_LETTERS}",
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(graph.app, [*GIVEN, *arguments])


@pytest.fixture(scope="module")
def shown() -> str:
    result = run("--max_num_workers=7", "--profile_flush_s=0.25")
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def lines_below(text: str, title: str) -> list[str]:
    """The lines after the first one that ends with `title`, up to an empty line."""
    lines = text.splitlines()
    (start, *_) = [number for number, line in enumerate(lines) if line.endswith(title)]
    rest = lines[start + 1 :]
    return rest[: rest.index("")] if "" in rest else rest


def test_the_read_and_the_dead_letters_are_shown_as_dataflows_own(shown: str) -> None:
    assert "done by Dataflow itself:" in shown
    assert f"subscription       {SUBSCRIPTION}" in shown
    assert "copies dropped by  attribute event_digest" in shown
    assert "event time         when it was published" in shown
    assert f"topic  {DEAD_LETTERS}" in shown


def test_state_and_timers_stand_below_their_step(shown: str) -> None:
    below = "\n".join(lines_below(shown, "AddUp")[:12])
    assert "keeps for each key:" in below
    assert "row " in below
    assert "timers:" in below
    assert "processing time" in below


def test_steps_that_beam_puts_round_ours_are_left_out(shown: str) -> None:
    assert any(line.endswith("Decode") for line in shown.splitlines())
    assert "Fn)" not in shown.replace("_PubSubWriteDoFn)", "")


def test_elements_are_shown_by_their_coders(shown: str) -> None:
    assert "→ events: EventCoder" in shown
    assert "→ DocumentCoder" in shown


def test_windows_are_shown_where_they_change(shown: str) -> None:
    changed = [line for line in shown.splitlines() if "60 s windows" in line]
    assert changed
    assert all("late allowed" in line and "discarding" in line for line in changed)


def test_workers_and_options_are_shown(shown: str) -> None:
    workers = "\n".join(lines_below(shown, "Workers"))
    assert "Streaming Engine  yes" in workers
    assert "most workers      7" in workers
    assert IMAGE in workers
    assert any(line.split() == ["profile_flush_s", "0.25"] for line in lines_below(shown, "Options"))


def test_what_is_staged_is_shown_with_its_size(shown: str) -> None:
    staged = "\n".join(lines_below(shown, "Staged"))
    assert "pipeline.pb" in staged
    assert " bytes" in staged
    assert "workflow.tar.gz" not in staged  # the image has the code


def test_a_setup_file_is_shown_by_what_is_in_it() -> None:
    result = CliRunner().invoke(graph.app, [])
    staged = lines_below(str(result.stdout), "Staged")
    (of_pipeline,) = [line for line in staged if line.strip().startswith("pipeline/")]
    assert any(line.startswith("workflow.tar.gz") for line in staged)
    assert " files" in of_pipeline


def test_the_job_can_be_kept_as_dataflow_would_get_it(tmp_path: Path) -> None:
    result = run("--output", str(tmp_path / "job.json"), "--job_name=other")
    assert result.exit_code == 0
    job = json.loads((tmp_path / "job.json").read_text(encoding="utf-8"))
    assert (job["name"], job["type"]) == ("other", "JOB_TYPE_STREAMING")


GUIDE = (ROOT / "docs" / "dataflow.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", re.findall(r'^make dataflow-graph ARGS="([^"]*)"$', GUIDE, re.MULTILINE))
def test_what_the_guide_gives_it_can_be_given(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write a file
    result = CliRunner().invoke(graph.app, shlex.split(given))
    assert result.exit_code == 0, result.output


def test_a_file_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    result = run("--output", str(tmp_path / "missing" / "job.json"))
    assert result.exit_code == 1
    assert result.stderr.strip().splitlines()[-1].endswith("job.json: No such file or directory")
    assert result.stdout == ""


def test_an_option_of_the_job_that_makes_no_sense_is_said_as_a_launch_does() -> None:
    result = run("--store=nowhere")
    assert result.exit_code == 2
    assert "--store must be firestore://PROJECT" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_has_examples() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "python -m pipeline.dataflow.graph --output job.json" in result.stdout


def test_the_example_is_a_job_of_this_project() -> None:
    assert graph.SETUP_FILE == ROOT / "setup.py"
    assert any(argument.startswith("--setup_file=") for argument in graph.with_example([]))
    assert not any(argument.startswith("--setup_file=") for argument in graph.with_example(GIVEN))


class TestExample:
    """What it shows without any argument is all that a job may have."""

    @pytest.fixture(scope="class")
    def shown(self) -> str:
        return str(CliRunner().invoke(graph.app, []).stdout)

    def test_has_an_archive_and_triggers(self, shown: str) -> None:
        assert [line for line in shown.splitlines() if line.endswith("Archive")]
        assert [line for line in shown.splitlines() if line.endswith("Carts")]
        assert "topic  projects/example-shop/topics/triggers" in shown

    def test_does_without_them_where_they_are_given_as_empty(self) -> None:
        shown = str(run("--archive=", "--triggers_topic=").stdout)
        assert "Decode" in shown
        assert not [line for line in shown.splitlines() if line.endswith(("Archive", "Carts"))]

    def test_of_a_rebuild_archives_nothing(self) -> None:
        result = run("--rebuild_from=gs://shop-1-archive/events")
        assert result.exit_code == 0, result.output
        assert "ReadArchive" in result.stdout


class TestMermaid:
    def test_the_outermost_steps_are_a_flow_chart(self) -> None:
        result = run("--mermaid")
        first, *lines = str(result.stdout).splitlines()
        declared = {line.split("[")[0].strip() for line in lines if " --> " not in line}
        arrows = [line.strip() for line in lines if " --> " in line]
        ends = {end for arrow in arrows for end in (arrow.split(" -- ")[0], arrow.split(" --> ")[1])}
        assert first == "flowchart LR"
        assert ends == declared  # and so no step stands alone
        assert any('[("Shoppers")]' in line for line in lines)
        assert any('["Decode"]' in line for line in lines)

    def test_outputs_are_named_where_they_have_a_name(self) -> None:
        pipeline = beam.Pipeline(options=PipelineOptions(["--runner=BundleBasedDirectRunner"]))
        parted = pipeline | "Numbers" >> beam.Create([1]) | "Part" >> beam.ParDo(_Part()).with_outputs("odd")
        _ = parted.odd | "Odd" >> beam.Map(_same)
        steps = steps_of(pipeline.to_runner_api())
        assert '-- "odd" --> ' in mermaid(steps)


class _Part(beam.DoFn):  # type: ignore[misc]
    def process(self, number: int) -> list[object]:
        return [beam.pvalue.TaggedOutput("odd", number)]


def _same(number: int) -> int:
    return number


def strategy(windowing: beam.WindowInto) -> beam_runner_api_pb2.WindowingStrategy:
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=BundleBasedDirectRunner"]))
    _ = pipeline | beam.Create([1]) | "Windows" >> windowing
    components = pipeline.to_runner_api().components
    (step,) = [each for each in components.transforms.values() if each.unique_name == "Windows"]
    (output,) = step.outputs.values()
    return components.windowing_strategies[components.pcollections[output].windowing_strategy_id]


@pytest.mark.parametrize(
    ("windowing", "words"),
    [
        (beam.WindowInto(window.GlobalWindows()), "all time"),
        (beam.WindowInto(window.FixedWindows(60)), "60 s windows"),
        (beam.WindowInto(window.SlidingWindows(60, 10)), "60 s windows every 10 s"),
        (
            beam.WindowInto(window.Sessions(1800), allowed_lateness=3600),
            "sessions with a gap of 1800 s, 3600 s late allowed, discarding",
        ),
        (
            beam.WindowInto(
                window.FixedWindows(0.5),
                trigger=trigger.AfterWatermark(early=trigger.AfterCount(5), late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
            ),
            "0.5 s windows, fired at its end and earlier after every 5 elements and later after each, "
            "accumulating",
        ),
        (
            beam.WindowInto(
                window.GlobalWindows(),
                trigger=trigger.Repeatedly(trigger.AfterProcessingTime(10)),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
            ),
            "all time, fired again and again after processing time, discarding",
        ),
    ],
)
def test_windows_are_put_into_words(windowing: beam.WindowInto, words: str) -> None:
    assert windows_in_words(strategy(windowing)) == words
