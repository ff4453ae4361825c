"""Arguments that no option takes end a start, as the job would run without what they say."""

from __future__ import annotations

import re
import sys

import pytest
from dataflow_support import CLOUD, IMAGE, JOB, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline import main
from pipeline.dataflow import graph
from pipeline.known_options import check_known
from pipeline.options import OptionError

TEMPLATE = "--template_location=gs://shop-1-dataflow/templates/job.json"
DURATIONS = ["allowed_lateness_s", "profile_flush_s", "neighbors_settle_s", "cart_gap_s", "catalog_wait_s"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [*CLOUD, *JOB],
        ["--allowed_lateness_s=3600"],
        ["--allowed_lateness_s", "3600"],
        ["--no_bootstrap"],
        ["--no_bootstrap=true", "--store_ramp_up", "false"],
        ["--update", "--region", "europe-west1", "--no_use_public_ips"],
        ["--experiments=a", "--experiments=b,c", "--extra_package=x.tar.gz", "--labels", "team=shop"],
        ["--worker_machine_type=e2-standard-2", "--machine_type=e2-standard-2"],
        ['--transform_name_mapping={"Old": "New"}'],
        ["--save_main_session", "--no_save_main_session", "--streaming", "--dry_run=True"],
    ],
)
def test_options_of_the_job_and_of_beam_are_known_in_each_spelling(arguments: list[str]) -> None:
    check_known(arguments)


@pytest.mark.parametrize("arguments", [["--allowed_latenes_s=3600"], ["--allowed_latenes_s", "3600"]])
def test_a_mistyped_option_is_named_with_the_nearest(arguments: list[str]) -> None:
    with pytest.raises(OptionError) as caught:
        check_known([*JOB, *arguments])
    assert str(caught.value) == (
        "--allowed_latenes_s is no option of the job or of Beam: did you mean --allowed_lateness_s?"
    )


@settings(deadline=None)
@given(st.sampled_from(DURATIONS), st.integers(3, 30))
def test_an_option_with_a_letter_too_few_is_found_again(name: str, left_out: int) -> None:
    mistyped = name[: left_out % len(name)] + name[left_out % len(name) + 1 :]
    with pytest.raises(OptionError, match=f"did you mean --{name}\\?$"):
        check_known([f"--{mistyped}=1"])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--allowed_lateness=1", "--allowed_lateness is no option .* did you mean --allowed_lateness_s?"),
        ("--max_num_worker=1", "--max_num_worker is no option .* did you mean --max_num_workers?"),
        ("-archive=a", "-archive is no option .* did you mean --archive?"),
        ("--zzz", "--zzz is no option .*: python -m pipeline.main --help lists"),
        ("archive", "'archive' belongs to no option"),
        ("--profile_flush_s=soon", "--profile_flush_s: invalid float value: 'soon'"),
        ("--max_num_workers=many", "--max_num_workers: invalid int value: 'many'"),
        ("--no_bootstrap=yes", "--no_bootstrap: must be true or false, got 'yes'"),
    ],
)
def test_what_beam_would_drop_or_print_its_usage_for_is_said_in_one_line(argument: str, message: str) -> None:
    with pytest.raises(OptionError, match=f"^{message}".replace("?", "\\?")) as caught:
        check_known([*JOB, argument])
    assert "\n" not in str(caught.value)


def test_the_value_of_a_mistyped_option_is_not_shown() -> None:
    with pytest.raises(OptionError) as caught:
        check_known([*JOB, "--pseudonym_key=k1:a-secret-of-sixteen-bytes"])
    assert "a-secret" not in str(caught.value)


def test_the_launcher_of_a_template_may_give_options_that_we_do_not_know() -> None:
    image = f"--sdk_container_image={IMAGE}"
    launch = ["--runner=DataflowRunner", "--dry_run=True", *CLOUD, *JOB, image, TEMPLATE]
    main.assemble([*launch, "--option_of_tomorrow=1"])
    with pytest.raises(OptionError, match="--option_of_tomorrow"):
        main.assemble([*launch[:-1], "--option_of_tomorrow=1"])


def test_the_job_does_not_start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["pipeline.main", *JOB, "--allowed_latenes_s=3600"])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("--allowed_latenes_s is no option")


@pytest.mark.parametrize("text", [(ROOT / "docs" / "dataflow.md").read_text(encoding="utf-8"), main.EXAMPLE])
def test_the_documented_local_run_is_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (command,) = re.findall(
        r"-m pipeline\.main ((?:\S+ |\\\n *)*\S*local-shop.*?)\n(?:```|\n)", text, re.DOTALL
    )
    (keys,) = re.findall(r"EVERMAIL_PSEUDONYM_KEYS=(\S+)", text)
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", keys)
    assert "sqlite:///" in command
    main.assemble(command.replace("\\\n", " ").split())


def test_the_graph_is_not_shown_without_a_mistyped_option() -> None:
    result = CliRunner().invoke(graph.app, ["--allowed_latenes_s=3600"])
    assert result.exit_code == 2
    assert "did you mean --allowed_lateness_s?" in result.stderr
    assert result.stdout == ""
