"""The whole product, end to end, without a page: run as a person runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from demo import headless
from demo.command import _summarise

ROOT = Path(__file__).resolve().parents[2]
EVERMAIL = [sys.executable, "-m", "evermail"]


def run(tmp_path: Path, *options: str, name: str = "report") -> dict[str, Any]:
    report = tmp_path / f"{name}.json"
    command = [*EVERMAIL, "demo", "--headless", "--report", str(report), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


SMALL = ("--events", "1200", "--rate", "300", "--duplicates", "0.1", "--malformed", "0.05", "--seed", "7")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(tmp_path_factory.mktemp("headless"), *SMALL)


def test_every_published_event_is_accounted_for(report: dict[str, Any]) -> None:
    assert report["violations"] == []
    assert (report["accepted"], report["duplicate"], report["late"], report["erased"]) == (1200, 120, 0, 0)
    assert sum(report["rejected"].values()) == 60
    assert report["published"] == 1380


def test_the_summary_states_the_whole_law(report: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    _summarise({**report, "accepted": 1197, "late": 1, "erased": 2})
    law, *_ = capsys.readouterr().out.splitlines()
    assert law == "published 1,380 = accepted 1,197 + duplicate 120 + rejected 60 + late 1 + erased 2"


def test_every_kind_of_malformed_message_is_rejected_with_its_code(report: dict[str, Any]) -> None:
    assert len(report["rejected"]) == 14
    assert set(report["rejected"].values()) == {4, 5}


def test_freshness_is_measured_up_to_the_answer(report: dict[str, Any]) -> None:
    assert report["freshness_samples"] > 10
    assert 0 < report["freshness_ms"]["p50"] <= report["freshness_ms"]["p95"] <= report["freshness_ms"]["p99"]
    assert report["recommendations_failed"] == 0
    assert 0 < report["recommendations_ms"]["p50"] <= report["recommendations_ms"]["p99"]


def test_known_shoppers_get_personal_answers_and_a_new_one_what_is_trending(report: dict[str, Any]) -> None:
    *known, new = report["sample"]
    for one in known:
        assert one["status"] == 200
        assert one["answer"]["source"] == "personal"
        assert any(item["reason"].startswith("Seen with ") for item in one["answer"]["items"])
    assert new["answer"]["source"] == "trending"
    assert new["answer"]["as_of"] is None
    assert {item["reason"] for item in new["answer"]["items"]} == {"Popular right now"}


def test_the_same_seed_gives_the_same_documents(report: dict[str, Any], tmp_path: Path) -> None:
    again = run(tmp_path, *SMALL)
    assert again["documents_sha256"] == report["documents_sha256"]
    assert again["profiles"] == report["profiles"] > 0
    assert again["neighbors"] == report["neighbors"] > 0


@pytest.mark.usefixtures("pubsub_emulator_endpoint", "firestore_emulator_endpoint")
def test_googles_emulators_end_with_the_same_documents(report: dict[str, Any], tmp_path: Path) -> None:
    found = run(tmp_path, *SMALL, "--backend", "emulator")
    assert found["violations"] == []
    assert found["documents_sha256"] == report["documents_sha256"]


def test_a_file_is_replayed(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    lines = ["event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session"]
    lines += [
        f"2019-10-01 00:{n // 60:02}:{n % 60:02} UTC,view,{n % 7},1,home.lamp,acme,9.50,{n % 5},s{n % 5}"
        for n in range(200)
    ]
    path.write_text("\n".join(lines) + "\n")
    found = run(tmp_path, "--replay", str(path), "--format", "rees46", "--rate", "100")
    assert found["accepted"] == 200
    assert found["profiles"] == 5
    assert found["violations"] == []


def test_a_lost_event_ends_the_run_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish = headless.publish

    def lose_one(schedule: Any, *arguments: Any, **options: Any) -> int:
        schedule.messages.pop()
        return publish(schedule, *arguments, **options) + 1

    monkeypatch.setattr(headless, "publish", lose_one)
    monkeypatch.setattr(headless, "STALLED_S", 3.0)
    from evermail import cli

    monkeypatch.setattr(sys, "argv", ["evermail", "demo", "--headless", "--events", "50", "--rate", "100"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "standstill with 1 event unaccounted for" in capsys.readouterr().err


def test_ctrl_c_ends_it_and_all_that_it_started(tmp_path: Path) -> None:
    command = [*EVERMAIL, "demo", "--headless", "--events", "100000", "--rate", "50"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        wait_for(lambda: len(descendants(process.pid)) >= 4, timeout_s=60)  # two parts, each with its tether
        children = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert "Traceback" not in output
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), timeout_s=10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rate", "0"), "--rate"),
        (("--duplicates", "2"), "--duplicates"),
        (("--backend", "cloud"), "--backend"),
        (("--replay", "no-such-file.csv"), "no-such-file.csv"),
        (("--replay", __file__, "--format", "parquet"), "--format"),
        (("--replay", __file__), "not in rees46 format"),
        (("--report", "/no/such/folder/report.json"), "cannot write into /no/such/folder"),
        (("--port", "8081"), "--port"),
    ],
)
def test_wrong_options_are_explained_before_anything_starts(options: tuple[str, ...], words: str) -> None:
    command = [*EVERMAIL, "demo", "--headless", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_options_of_the_headless_run_are_not_ignored_without_it() -> None:
    command = [*EVERMAIL, "demo", "--events", "10"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "--events" in done.stderr) == (2, True)


def descendants(pid: int) -> list[int]:
    """Process ids of all living descendants."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                status = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(status[1]), []).append(int(entry))
    found, generation = [], [pid]
    while generation:
        generation = [child for parent in generation for child in parents.get(parent, [])]
        found += generation
    return found


def wait_for(condition: Any, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
