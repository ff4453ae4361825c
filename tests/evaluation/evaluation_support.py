"""Small data sets for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evermail.evaluation.datasets import DataSet
from evermail.evaluation.progress import silent
from evermail.evaluation.reading import Format, read


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def of_lines(folder: Path, train: Sequence[str], test: Sequence[str]) -> DataSet:
    """Sessions as lines of items, without times."""
    return read(write(folder / "train.txt", *train), write(folder / "test.txt", *test), Format.LINES, silent)


def of_clicks(
    folder: Path, train: Sequence[Sequence[tuple[str, int]]], test: Sequence[Sequence[tuple[str, int]]]
) -> DataSet:
    """Sessions of items with their times in seconds."""
    paths = []
    for name, sessions in (("train.tsv", train), ("test.tsv", test)):
        rows = [f"{at}\t{item}\t{time}" for at, clicks in enumerate(sessions) for item, time in clicks]
        paths.append(write(folder / name, "SessionId\tItemId\tTime", *rows))
    return read(*paths, Format.SESSIONS, silent)


def named(data: DataSet, items: Sequence[int]) -> list[str]:
    return [data.names[item] for item in items]
