"""A job for Dataflow in plain text: its steps as a tree, its workers, its options, and what is staged."""

from __future__ import annotations

import io
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pipeline.dataflow.offline import Submission
from pipeline.dataflow.steps import Step, steps_of
from pipeline.dataflow.windows import ALL_TIME
from pipeline.options import EvermailOptions

WORKFLOW = "workflow.tar.gz"
"""The name under which Beam stages what `--setup_file` builds."""

MAIN_OUTPUT = "None"
"""Beam's tag of the output that has no name."""

_POOL_SETTINGS = {
    "machineType": "machine type",
    "numWorkers": "workers to begin with",
    "diskSizeGb": "disk, GB",
    "diskType": "disk type",
    "network": "network",
    "subnetwork": "subnetwork",
    "ipConfiguration": "addresses",
    "workerHarnessContainerImage": "image",
}


def report(submission: Submission) -> str:
    """The whole report, lines separated by newlines, none at the end."""
    sections = {
        "Steps": _tree(steps_of(submission.graph)),
        "Workers": _table(worker_settings(submission.job)),
        "Options": _table(_options(submission.job)),
        "Staged": _staged(submission.staged),
    }
    return "\n\n".join("\n".join([title, "─" * len(title), *lines]) for title, lines in sections.items())


def worker_settings(job: Mapping[str, Any]) -> dict[str, str]:
    """What a job's JSON says of its kind and its workers. What is left out is up to Dataflow."""
    environment = job["environment"]
    pool = environment["workerPools"][0]
    experiments = environment.get("experiments", [])
    settings = {
        "job": f"{job['name']}, {job['type'].removeprefix('JOB_TYPE_').lower()}",
        "Streaming Engine": "yes" if "enable_streaming_engine" in experiments else "no",
        "Runner v2": "yes" if "use_runner_v2" in experiments else "no",
        "service account": environment.get("serviceAccountEmail", "Dataflow's default"),
        "most workers": str(pool.get("autoscalingSettings", {}).get("maxNumWorkers", "Dataflow's default")),
    }
    given = {words: str(pool[name]) for name, words in _POOL_SETTINGS.items() if name in pool}
    return {**settings, "machine type": "Dataflow's default", **given}


def _options(job: Mapping[str, Any]) -> dict[str, str]:
    """The job's own options; Beam's are too many to read."""
    given = job["environment"]["sdkPipelineOptions"]["options"]
    ours = EvermailOptions([]).get_all_options(current_only=True)
    return {name: str(given[name]) for name in sorted(ours) if given.get(name) is not None}


def _tree(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        yield from _branch(_plain(step), "", "")


def _branch(step: Step, first: str, rest: str) -> Iterator[str]:
    yield f"{first}{step.name}"
    below = f"{rest}│  " if step.parts else f"{rest}   "
    yield from (f"{below}{line}" for line in _details(step))
    for number, part in enumerate(step.parts, start=1):
        last = number == len(step.parts)
        corner, line = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _branch(_plain(part), f"{rest}{corner}", f"{rest}{line}")


def _plain(step: Step) -> Step:
    """Without the steps of their own that Beam makes of one `ParDo`."""
    while len(step.parts) == 1 and step.parts[0].name.startswith("ParDo("):
        step = replace(step.parts[0], name=step.name, inputs=step.inputs, outputs=step.outputs)
    return step


def _details(step: Step) -> Iterator[str]:
    if step.service:
        yield "done by Dataflow itself:"
        yield from (f"  {line}" for line in _table(step.service))
    if step.state:
        yield "keeps for each key:"
        yield from (f"  {line}" for line in _table(step.state))
    if step.timers:
        yield "timers:"
        yield from (f"  {line}" for line in _table(step.timers))
    if not step.parts:
        before = {elements.windows for elements in step.inputs} or {ALL_TIME}
        for tag, elements in step.outputs.items():
            name = "" if tag == MAIN_OUTPUT else f"{tag}: "
            windows = "" if elements.windows in before else f" in {elements.windows}"
            yield f"→ {name}{elements.coder}{windows}"


def _staged(staged: Mapping[str, bytes]) -> Iterator[str]:
    yield from _table({name: _size(len(content)) for name, content in sorted(staged.items())})
    if WORKFLOW in staged:
        yield f"in {WORKFLOW}, which workers install when they start:"
        yield from (f"  {line}" for line in _table(_folders(staged[WORKFLOW])))


def _folders(sdist: bytes) -> dict[str, str]:
    """What is in a source distribution, by its outermost folders."""
    sizes: dict[str, list[int]] = defaultdict(list)
    with tarfile.open(fileobj=io.BytesIO(sdist)) as archive:
        for member in archive.getmembers():
            if member.isfile():
                _, *folders, name = member.name.split("/")
                sizes[f"{folders[0]}/" if folders else name].append(member.size)
    return {
        name: _size(sum(found)) + (f" in {len(found)} files" if name.endswith("/") else "")
        for name, found in sorted(sizes.items())
    }


def _size(size: int) -> str:
    return f"{size:,} bytes"


def _table(rows: Mapping[str, str]) -> list[str]:
    width = max((len(name) for name in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows.items()]
