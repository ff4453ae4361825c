"""Parameters of the Flex Template are the options of the job: names, defaults, and what values they take."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import lru_cache
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from dataflow_support import CLOUD, IMAGE, JOB, ROOT
from google.cloud.dataflow_v1beta3 import TemplateMetadata
from hypothesis import given, settings
from hypothesis import strategies as st

from evermail.archive.location import Table, location
from pipeline import main
from pipeline.dataflow import metadata
from pipeline.options import EvermailOptions, OptionError

FILE = ROOT / "flex" / "metadata.json"
PARAMETERS: dict[str, dict[str, Any]] = {each["name"]: each for each in metadata.metadata()["parameters"]}
OURS = [name for name in PARAMETERS if name != "sdk_container_image"]
LAUNCH = ["--runner=DataflowRunner", "--dry_run=True", *CLOUD]


def pattern(name: str) -> str:
    """What the whole of a value has to match."""
    (regex,) = PARAMETERS[name]["regexes"]
    assert regex.startswith("^")
    assert regex.endswith("$")
    return str(regex[1:-1])


def template_takes(name: str, value: str) -> bool:
    return re.fullmatch(pattern(name), value) is not None


def job_takes(name: str, value: str) -> bool:
    """Whether the job's options do, given all others."""
    try:
        PipelineOptions([*JOB, f"--{name}={value}"]).view_as(EvermailOptions).job_config()
    except (OptionError, SystemExit):
        return False
    return True


def of_kind(*kinds: str) -> list[str]:
    return [name for name in OURS if PARAMETERS[name]["paramType"] in kinds]


def test_the_file_is_that_of_the_options() -> None:
    """After a change of an option: make flex-metadata."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == metadata.metadata()


def test_every_option_is_a_parameter() -> None:
    assert {*OURS, *metadata.OF_BATCHES} == set(EvermailOptions([]).get_all_options(current_only=True))


def test_an_option_that_nothing_says_the_form_of_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_another(parser: Any) -> None:
        parser.add_argument("--colour", help="Of the emails.")

    monkeypatch.setattr(EvermailOptions, "_add_argparse_args", with_another)
    with pytest.raises(LookupError, match=r"--colour: say in pipeline/dataflow/metadata\.py"):
        metadata.metadata()


def test_the_service_knows_every_field() -> None:
    """An unknown one would be an error of the parser."""
    parsed = TemplateMetadata.from_json(FILE.read_text(encoding="utf-8"), ignore_unknown_fields=False)
    assert [parameter.name for parameter in parsed.parameters] == list(PARAMETERS)
    assert (parsed.streaming, parsed.supports_exactly_once, parsed.supports_at_least_once) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS)
def test_each_parameter_is_described(parameter: dict[str, Any]) -> None:
    assert parameter["label"][0].isupper()
    assert parameter["helpText"].endswith(".")
    assert "%(" not in parameter["helpText"]
    assert parameter["isOptional"] or "defaultValue" not in parameter


@pytest.mark.parametrize("name", PARAMETERS)
def test_patterns_keep_to_what_all_engines_share(name: str) -> None:
    """The service does not say which it has."""
    assert not re.search(r"\\[A-Za-z0-9]|\(\?|[*+?}][*+?]|\[\[:", pattern(name))
    assert all(int(number) <= 255 for number in re.findall(r"[{,](\d+)", pattern(name)))


@pytest.mark.skipif(shutil.which("grep") is None, reason="no grep")
@pytest.mark.parametrize("name", PARAMETERS)
def test_posix_reads_patterns_as_python_does(name: str) -> None:
    values = [
        "",
        "0",
        "0.5",
        "1e3",
        "-1",
        "86400",
        "300000000",
        "300000001",
        "true",
        "yes",
        "quick",
        "gs://bucket/a",
    ]
    values += [
        "firestore://shop-1/(default)",
        "sqlite:///x",
        "bigquery:shop-1.events.all",
        "env:KEYS",
        "env:a b",
    ]
    values += [argument.partition("=")[2] for argument in JOB] + [IMAGE, f"{IMAGE}@sha256:{'0' * 64}"]
    grep = ["grep", "-E", "-x", pattern(name)]
    found = subprocess.run(grep, input="\n".join(values), capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert found.stdout.splitlines() == [value for value in values if template_takes(name, value)]


def test_the_job_starts_with_every_default_spelled_out() -> None:
    defaults = {name: each["defaultValue"] for name, each in PARAMETERS.items() if "defaultValue" in each}
    image = f"--sdk_container_image={IMAGE}"
    spelled_out = [f"--{name}={value}" for name, value in defaults.items()]
    assert len(spelled_out) > 5
    assert config_of([*JOB, *spelled_out]) == config_of(JOB)
    main.assemble([*LAUNCH, *JOB, image, *spelled_out])


def config_of(arguments: list[str]) -> Any:
    return PipelineOptions(arguments).view_as(EvermailOptions).job_config()


@pytest.mark.parametrize("name", [name for name in OURS if "defaultValue" in PARAMETERS[name]])
def test_a_default_is_a_value_that_the_template_takes(name: str) -> None:
    assert template_takes(name, PARAMETERS[name]["defaultValue"])


def test_the_example_of_a_launch_gives_what_is_required() -> None:
    given_names = {argument[2:].partition("=")[0] for argument in JOB}
    assert given_names == {name for name in OURS if not PARAMETERS[name]["isOptional"]}
    for argument in JOB:
        name, _, value = argument[2:].partition("=")
        assert template_takes(name, value)


@pytest.mark.parametrize("argument", [each for each in JOB if "pseudonym_keys" not in each])
def test_a_launch_without_what_is_required_is_refused(argument: str) -> None:
    name = argument.partition("=")[0]
    rest = [each for each in JOB if each != argument]
    with pytest.raises(OptionError, match=f"^{name} is required"):
        main.assemble([*LAUNCH, *rest, f"--sdk_container_image={IMAGE}"])


def test_the_documented_launch_gives_parameters_that_there_are() -> None:
    text = (ROOT / "docs" / "dataflow.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"--parameters=(\w+)=", text))
    required = {name for name in OURS if not PARAMETERS[name]["isOptional"]}
    assert documented == {*required, "sdk_container_image"}


@lru_cache
def like(name: str) -> st.SearchStrategy[str]:
    """Values that the template takes, and such with one character more, less or another."""
    taken = st.from_regex(pattern(name), fullmatch=True)
    place, character = st.integers(0, 40), st.sampled_from("azAZ09-._~+%/:() \u00e4\n")
    removed = st.builds(lambda text, at: text[:at] + text[at + 1 :], taken, place)
    added = st.builds(lambda text, at, new: text[:at] + new + text[at:], taken, place, character)
    replaced = st.builds(lambda text, at, new: text[:at] + new + text[at + 1 :], taken, place, character)
    return taken | removed | added | replaced


@pytest.mark.parametrize("name", OURS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_the_template_takes_the_job_takes(name: str, data: st.DataObject) -> None:
    value = data.draw(st.from_regex(pattern(name), fullmatch=True))
    assert job_takes(name, value), value


@pytest.mark.parametrize(
    "name", [*of_kind("PUBSUB_SUBSCRIPTION", "PUBSUB_TOPIC", "BOOLEAN", "ENUM"), "store"]
)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_the_template_refuses_the_job_refuses(name: str, data: st.DataObject) -> None:
    value = data.draw(like(name))
    if value.startswith("sqlite:") or not value:  # for one machine only; no value at all
        return
    assert template_takes(name, value) == job_takes(name, value), value


@pytest.mark.parametrize("name", [name for name in of_kind("NUMBER") if name.endswith("_s")])
@settings(max_examples=60, deadline=None)
@given(
    whole=st.integers(0, 20)
    | st.integers(0, 400_000_000)
    | st.sampled_from([299_999_999, 300_000_000, 300_000_001]),
    decimals=st.none()
    | st.from_regex("[0-9]{1,6}", fullmatch=True)
    | st.sampled_from(["0", "000001", "001", "0000000"]),
)
def test_seconds_in_plain_notation_are_taken_by_both_or_by_none(
    name: str, whole: int, decimals: str | None
) -> None:
    value = str(whole) if decimals is None else f"{whole}.{decimals}"
    assert template_takes(name, value) == job_takes(name, value), value


@pytest.mark.parametrize("value", ["0", "0.0", "-1", "", "nan", "inf", "soon", "300000001", "0.0000001"])
def test_seconds_that_are_none_are_refused_by_both(value: str) -> None:
    for name in of_kind("NUMBER"):
        assert not template_takes(name, value)
        assert not job_takes(name, value)


@pytest.mark.parametrize(
    "value", ["k1:a-secret-of-sixteen-bytes", "secret:pseudonyms", "latest", "env:", "file:"]
)
def test_keys_that_are_no_reference_are_refused_by_both(value: str) -> None:
    assert not template_takes("pseudonym_keys", value)
    assert not job_takes("pseudonym_keys", value)


@settings(max_examples=100, deadline=None)
@given(st.from_regex(pattern("archive"), fullmatch=True))
def test_an_archive_of_the_template_is_one_that_all_workers_reach(url: str) -> None:
    place = location(url)
    assert isinstance(place, Table) or not place.is_local


@pytest.mark.parametrize(
    "url", ["", "archive", "/archive", "gs://", "bigquery:events", "bigquery:shop-1.events"]
)
def test_what_is_no_archive_for_workers_is_refused(url: str) -> None:
    assert not template_takes("archive", url)


@pytest.mark.parametrize(
    "image",
    [IMAGE, f"{IMAGE}@sha256:{'0' * 64}", "gcr.io/shop-1/job", "europe-docker.pkg.dev/p/r/job:v1.2_rc-3"],
)
def test_images_of_google_clouds_registries_are_taken(image: str) -> None:
    assert template_takes("sdk_container_image", image)


@pytest.mark.parametrize(
    "image", ["", "job image", "job:", f"{IMAGE}@sha256:12", "https://gcr.io/shop-1/job"]
)
def test_what_names_no_image_is_refused(image: str) -> None:
    assert not template_takes("sdk_container_image", image)
