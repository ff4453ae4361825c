"""The job's options: what is missing or makes no sense is said, by name, before anything starts."""

from __future__ import annotations

import argparse
import sys

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from streaming_support import SECRET

from evermail.clock import DAY, MINUTE, SECOND
from pipeline import main
from pipeline.config import JobConfig
from pipeline.keys import EnvKeys
from pipeline.options import EvermailOptions, OptionError

GIVEN = {
    "events_subscription": "projects/shop-1/subscriptions/events-job",
    "dead_letter_topic": "projects/shop-1/topics/dead-letters",
    "store": "firestore://shop-1",
}


def arguments(**changes: str | None) -> list[str]:
    return [f"--{name}={value}" for name, value in {**GIVEN, **changes}.items() if value is not None]


def config_of(**changes: str | None) -> JobConfig:
    return PipelineOptions(arguments(**changes)).view_as(EvermailOptions).job_config()


def test_only_three_options_must_be_given() -> None:
    settings = config_of()
    assert settings.store_url == "firestore://shop-1"
    assert settings.pseudonym_keys == EnvKeys("EVERMAIL_PSEUDONYM_KEYS")
    assert settings.allowed_lateness_us == DAY
    assert settings.trending_window_us == MINUTE


def test_defaults_are_those_of_the_configuration() -> None:
    assert config_of() == JobConfig(store_url="firestore://shop-1")


def test_durations_are_seconds() -> None:
    settings = config_of(profile_flush_s="0.25", store_retry_s="10", allowed_lateness_s="3600")
    assert settings.profile_flush_us == SECOND // 4
    assert settings.store_retry_us == 10 * SECOND
    assert settings.allowed_lateness_us == 3600 * SECOND


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_option_is_named(name: str, value: str | None) -> None:
    with pytest.raises(OptionError, match=f"^--{name} is required: "):
        config_of(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("events_subscription", "events-job"),
        ("events_subscription", "projects/shop-1/topics/events"),
        ("events_subscription", "projects/shop-1/subscriptions/with space"),
        ("dead_letter_topic", "projects/shop-1/subscriptions/dead-letters"),
        ("dead_letter_topic", "projects/X/topics/dead-letters"),
        ("store", "shop-1"),
        ("store", "mongodb://shop-1"),
        ("store", "firestore://"),
        ("store", "firestore://shop-1/a/b"),
        ("store", "sqlite://"),
        ("store", "sqlite:///"),
        ("store", "sqlite://relative.sqlite3"),
    ],
)
def test_a_name_of_the_wrong_form_is_shown_with_the_right_one(name: str, value: str) -> None:
    with pytest.raises(OptionError, match=f"^--{name} must be .*, got '{value}'$"):
        config_of(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("events_subscription", "projects/shop/subscriptions/events-job"),
        ("dead_letter_topic", "projects/shop-1/topics/dl"),
        ("triggers_topic", "projects/shop-1/topics/1-triggers"),
    ],
)
def test_a_name_that_breaks_a_rule_is_shown_with_it(name: str, value: str) -> None:
    rule = "NAME has 3 to 255 characters and begins with a letter, PROJECT has 6 to 63"
    with pytest.raises(OptionError, match=rf"^--{name} must be projects/.* \({rule}\), got '{value}'$"):
        config_of(**{name: value})


@pytest.mark.parametrize(
    "name",
    ["allowed_lateness_s", "profile_flush_s", "neighbors_flush_s", "trending_window_s", "store_retry_s"],
)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e300", "1e-9"])
def test_a_duration_that_is_none_is_named(name: str, value: str) -> None:
    with pytest.raises(OptionError, match=f"^--{name} must be more than 0 and at most .* seconds, got"):
        config_of(**{name: value})


def test_a_duration_that_is_no_number_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        config_of(profile_flush_s="soon")
    assert "--profile_flush_s: invalid float value: 'soon'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rebuild_since", "rebuild_until"])
def test_a_span_to_rebuild_needs_an_archive_to_rebuild_from(name: str) -> None:
    with pytest.raises(OptionError, match=f"^--{name} needs --rebuild_from"):
        config_of(**{name: "2026-11-24T03:00:00Z"})


MAY_BE_LEFT_OUT = ["archive", "triggers_topic", "rebuild_from", "rebuild_since", "rebuild_until"]


@pytest.mark.parametrize("name", MAY_BE_LEFT_OUT)
def test_an_option_that_a_script_left_empty_is_not_taken_for_one_left_out(name: str) -> None:
    with pytest.raises(OptionError, match=f"^--{name} is given without a value: leave it out"):
        config_of(**{name: ""})


@pytest.mark.parametrize("name", MAY_BE_LEFT_OUT)
def test_a_parameter_that_a_templates_form_left_empty_is_one_left_out(name: str) -> None:
    from_template = {"template_location": "gs://shop-1-dataflow/templates/job.json"}
    assert config_of(**from_template, **{name: ""}) == config_of()


def test_windows_are_whole_milliseconds() -> None:
    assert config_of(trending_window_s="1.001").trending_window_us == 1_001_000
    with pytest.raises(OptionError, match="--trending_window_s must be whole milliseconds"):
        config_of(trending_window_s="1.0005")


@pytest.mark.parametrize(
    "url", ["sqlite:///relative.sqlite3", "sqlite:////absolute/path", "firestore://p/database"]
)
def test_stores_that_can_be_opened_are_let_through(url: str) -> None:
    assert config_of(store=url).store_url == url


@pytest.mark.parametrize("name", ["no_bootstrap", "store_ramp_up"])
def test_a_switch_is_given_alone_or_as_templates_give_it(name: str) -> None:
    def value(*given: str) -> object:
        return getattr(PipelineOptions([*arguments(), *given]).view_as(EvermailOptions), name)

    assert value() is False
    assert value(f"--{name}") is True
    assert value(f"--{name}", "--catalog_ttl_s=1") is True
    assert value(f"--{name}=true") is True
    assert value(f"--{name}=false") is False


def test_a_switch_that_is_neither_true_nor_false_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        config_of(no_bootstrap="yes")
    assert "--no_bootstrap: must be true or false, got 'yes'" in capsys.readouterr().err


def test_workers_find_a_switch_as_it_was_given() -> None:
    """Beam hands options on as a dictionary and parses them again."""
    given = PipelineOptions([*arguments(), "--no_bootstrap=true"]).get_all_options(drop_default=True)
    found = PipelineOptions.from_dictionary(given).view_as(EvermailOptions)
    assert (found.no_bootstrap, found.store_ramp_up) == (True, False)


def test_the_workers_that_share_the_writes_are_as_many_as_there_may_be() -> None:
    assert config_of().store_workers == 1
    assert config_of(max_num_workers="20").store_workers == 20
    assert config_of(max_num_workers="20", store_workers="80").store_workers == 80


@pytest.mark.parametrize("workers", ["0", "-1", "10000"])
def test_a_number_of_workers_that_cannot_be_is_named(workers: str) -> None:
    with pytest.raises(OptionError, match=f"--store_workers must be 1 to 9999, got {workers}"):
        config_of(store_workers=workers)


def test_secrets_on_the_command_line_are_refused_and_not_shown() -> None:
    with pytest.raises(OptionError, match=r"^--pseudonym_keys: expected where the secrets are") as caught:
        config_of(pseudonym_keys=f"k1:{SECRET}")
    assert SECRET not in str(caught.value)


def test_other_pipelines_of_the_process_need_none_of_them() -> None:
    assert PipelineOptions([]).get_all_options()["events_subscription"] is None


class TestBeforeAnythingStarts:
    def test_keys_that_are_not_here_stop_a_local_job(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("EVERMAIL_PSEUDONYM_KEYS", raising=False)
        with pytest.raises(
            OptionError, match="--pseudonym_keys: the environment variable EVERMAIL_PSEUDONYM_KEYS"
        ):
            main.assemble(["--runner=BundleBasedDirectRunner", *arguments()])

    def test_keys_of_the_environment_are_found_without_an_option(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", f"k1:{SECRET}")
        main.assemble(["--runner=BundleBasedDirectRunner", *arguments(store="sqlite:///x")])

    @pytest.mark.parametrize("runner", ["DataflowRunner", "dataflow", "dataflowrunner", "Dataflow"])
    def test_workers_on_dataflow_share_no_file(self, runner: str) -> None:
        with pytest.raises(OptionError, match="--store: workers on Dataflow share no file"):
            main.assemble([f"--runner={runner}", *arguments(store="sqlite:///x")])

    @pytest.mark.parametrize("name", ["archive", "rebuild_from"])
    @pytest.mark.parametrize("folder", ["archive", "/var/archive"])
    def test_workers_on_dataflow_share_no_folder(self, name: str, folder: str) -> None:
        with pytest.raises(OptionError, match=f"--{name}: workers on Dataflow share no folder"):
            main.assemble(["--runner=DataflowRunner", *arguments(**{name: folder})])

    @pytest.mark.parametrize("reference", [None, "env:KEYS", "file:/keys"])
    def test_workers_on_dataflow_see_nothing_of_this_machine(
        self, reference: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", f"k1:{SECRET}")
        with pytest.raises(OptionError, match="--pseudonym_keys: on Dataflow, give secret:projects/"):
            main.assemble(["--runner=DataflowRunner", *arguments(pseudonym_keys=reference)])

    def test_the_command_line_says_it_in_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["pipeline.main", *arguments(store=None)])
        with pytest.raises(SystemExit) as caught:
            main.main()
        assert caught.value.code == 2
        assert capsys.readouterr().err.startswith("--store is required: firestore://PROJECT")


def test_ctrl_c_is_answered_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def start(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "start", start)
    monkeypatch.setattr(sys, "argv", ["pipeline.main"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 130
    assert capsys.readouterr().err == "Interrupted: a local job has ended, one on Dataflow goes on.\n"


def test_help_tells_the_default_of_every_duration() -> None:
    parser = argparse.ArgumentParser()
    EvermailOptions._add_argparse_args(parser)
    told = {
        action.dest: (action.help or "").rpartition(" Default: ")[2].rstrip(".")
        for action in parser._actions
        if action.type is float
    }
    assert told.pop("allowed_lateness_s") == "a day"
    assert {name: float(default) for name, default in told.items()} == {
        name: parser.get_default(name) for name in told
    }


def test_help_lists_the_options_of_the_job_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["pipeline.main", "--help"])
    main.main()
    shown = " ".join(capsys.readouterr().out.split())
    assert "--events_subscription" in shown
    assert "--runner=DataflowRunner" in shown
    assert "waits once --neighbors_flush_s is over" in shown
    assert "The events themselves do not wait" in shown
