"""Many small files of a day into few large ones.

A job writes some files a minute, and a reader opens each. Rows stay byte for byte as they are; of copies of a
row one is written. The small files go after the large one is on the disk: whoever is interrupted in between
has rows twice, which every reader sees by their ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import msgspec

from evermail import clock
from evermail.archive.folder import (
    SUFFIXES,
    DayFile,
    changing,
    files,
    lines_of,
    new_file,
    sync_directory,
    temporary_files,
)
from evermail.archive.forgetting import Progress

TARGET_BYTES = 64 * 1024 * 1024
"""Size of a large file on the disk: some 700,000 compressed events, which one worker reads in seconds."""

ABANDONED_US = clock.DAY
"""A temporary file that nobody has touched for so long belongs to a writer that is no more."""


class Compacted(msgspec.Struct):
    """What became of an archive. `problems` says which files are damaged: they were left as they are."""

    files_before: int = 0
    files_after: int = 0
    rows: int = 0
    copies: int = 0
    temporary_removed: int = 0
    problems: list[str] = []


def compact(folder: Path, progress: Progress, *, target_bytes: int = TARGET_BYTES, now_us: int) -> Compacted:
    """Merges files of a day until they have about `target_bytes`. To be interrupted or repeated does no harm.

    Files must not be merged while a job reads the archive: it would miss those that it has listed. Raises
    `ArchiveError` if there is no archive, or another command is changing it, and `OSError`.
    """
    with changing(folder):
        found = files(folder)
        report = Compacted(files_before=len(found))
        small = [file for file in found if file.size < target_bytes // 2]
        total, done = sum(file.size for file in small), 0
        for _, of_day in groupby(small, key=lambda file: file.day):
            for group in _groups(of_day, target_bytes):
                _merge(group, report)
                done += sum(file.size for file in group)
                progress("merging", done, total)
        for path in temporary_files(folder, before_us=now_us - ABANDONED_US):
            path.unlink()
            report.temporary_removed += 1
        report.files_after = len(files(folder))
    return report


def _groups(of_day: Iterator[DayFile], target_bytes: int) -> Iterator[list[DayFile]]:
    """Files that become one."""
    group: list[DayFile] = []
    for file in of_day:
        group.append(file)
        if sum(one.size for one in group) >= target_bytes:
            yield group
            group = []
    if group:
        yield group


def _merge(group: list[DayFile], report: Compacted) -> None:
    whole = [file for file in group if _is_whole(file, report)]
    if len(whole) < 2:
        return
    seen: set[bytes] = set()
    with new_file(whole[0].path.parent, SUFFIXES[1]) as merged:
        for file in whole:
            for line in lines_of(file):
                if line.row is not None:
                    row_id = line.row.row_id.encode()
                    if row_id in seen:
                        report.copies += 1
                        continue
                    seen.add(row_id)
                    report.rows += 1
                merged.write(line.data if line.data.endswith(b"\n") else line.data + b"\n")
        path = merged.commit()
    for file in whole:
        if file.path != path:
            file.path.unlink()
    sync_directory(path.parent)


def _is_whole(file: DayFile, report: Compacted) -> bool:
    for line in lines_of(file):
        if not line.whole:
            report.problems.append(f"{line.file}, line {line.number}: {line.problem}")
            return False
    return True
