"""A rebuild from the command line ends with what it did: in lines for people, and as an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult
from archive_support import row, write

from demo.pubsub import EmbeddedPubSub
from evermail.archive.record import Verdict
from evermail.documents import Profile
from evermail.stores.sqlite import SqliteStore
from pipeline import main, names, rebuild_report

TOPIC = "projects/shop-1/topics/dead-letters"
BAD = b'{"row_id": 1}\n'


class Shop:
    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.archive, self.store = folder / "archive", folder / "store.sqlite3"
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def rebuild(self, *more: str) -> tuple[int, dict[str, int], str]:
        """The exit code, the figures that were printed, and all that was printed."""
        arguments = [f"--rebuild_from={self.archive}", f"--store=sqlite:///{self.store}", *more]
        self._monkeypatch.setattr("sys.argv", ["pipeline.main", f"--dead_letter_topic={TOPIC}", *arguments])
        code = 0
        try:
            main.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = self._capsys.readouterr()
        figures = [line.rsplit(maxsplit=1) for line in shown.out.splitlines() if line[-1].isdecimal()]
        return code, {label.strip(): int(value) for label, value in figures}, shown.out + shown.err


@pytest.fixture
def shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shop]:
    with EmbeddedPubSub() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.endpoint)
        monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", "k1:a-secret-of-sixteen-bytes-or-more")
        _create(TOPIC)
        yield Shop(tmp_path, monkeypatch, capsys)


def _create(topic: str) -> None:
    from google.cloud.pubsub_v1 import PublisherClient

    with PublisherClient() as client:
        client.create_topic(name=topic)


def test_the_end_says_what_became_of_every_row(shop: Shop) -> None:
    one = row("1", user="u")
    late = row("2", user="u", at=-90_000, received=0, verdict=Verdict.LATE)
    write(shop.archive, [one, one, late], [row("3", user="v")], [row("4", user="w")], raw=[BAD])
    code, figures, shown = shop.rebuild()
    assert code == 0
    assert figures["rows read"] == 5
    assert figures["copies dropped"] == 1
    assert figures["lines unreadable"] == 1
    assert figures["events accepted"] == 3
    assert figures["events late"] == 1
    assert figures["documents made"] == figures["documents written"]
    profiles = list(SqliteStore(shop.store).scan(Profile.COLLECTION))
    assert len(profiles) == 3
    assert figures["documents written"] >= 3
    assert f"went to {TOPIC}" in shown
    assert "evermail dead-letters list" in shown


def test_without_anything_unreadable_there_is_nothing_to_look_at(shop: Shop) -> None:
    write(shop.archive, [row("1", user="u")])
    code, figures, shown = shop.rebuild()
    assert (code, figures["rows read"]) == (0, 1)
    assert "dead-letters" not in shown


def test_an_archive_of_which_nothing_can_be_read_is_a_failure(shop: Shop) -> None:
    write(shop.archive, [], raw=[BAD, b"nonsense\n"])
    code, figures, shown = shop.rebuild()
    assert (code, figures["rows read"], figures["lines unreadable"]) == (1, 0, 2)
    assert f"Nothing was rebuilt: no line of {shop.archive} could be read." in shown
    assert "evermail dead-letters list" in shown


def test_a_time_in_which_nothing_was_received_is_a_failure(shop: Shop) -> None:
    write(shop.archive, [row("1", user="u")])
    code, figures, shown = shop.rebuild("--rebuild_since=2031-01-01T00:00:00Z")
    assert (code, figures["rows read"]) == (1, 0)
    assert "Nothing was rebuilt: no row in that archive and span" in shown


def test_figures_are_aligned() -> None:
    shown = rebuild_report.report({names.ARCHIVE_ROWS_READ: 1_234_567, names.ACCEPTED: 9}, "a", TOPIC)
    lines = [line for line in shown.splitlines() if line[-1].isdecimal()]
    assert len({len(line) for line in lines}) == 1
    assert any(line.endswith(" 1,234,567") for line in lines)


def test_rejected_events_of_all_codes_are_one_figure() -> None:
    found = rebuild_report.totals(_result({"rejected/late": 2, "rejected/wrong_type": 3, names.ACCEPTED: 1}))
    assert found == {names.REJECTED_PREFIX: 5, names.ACCEPTED: 1}


@pytest.mark.parametrize("result", [DataflowPipelineResult(None, None), SimpleNamespace(metrics=None)])
def test_a_runner_without_counters_is_no_failure(result: object) -> None:
    found = rebuild_report.totals(result)
    assert found is None
    assert not rebuild_report.why_nothing(found, "gs://b/archive")
    assert rebuild_report.report(found, "gs://b/archive", TOPIC) == (
        "Rebuild from gs://b/archive: the runner tells no counters here."
    )


def _result(counters: dict[str, int]) -> SimpleNamespace:
    """As a runner tells counters."""
    found = [
        SimpleNamespace(key=SimpleNamespace(metric=SimpleNamespace(name=name)), committed=value)
        for name, value in counters.items()
    ]
    return SimpleNamespace(metrics=lambda: SimpleNamespace(query=lambda _: {"counters": found}))
