"""The folder that `evermail campaign build` makes.

`build.json`    what was built, for the commands that read it: `Built`
`subject.txt`, `email.txt`, `amp.html`, `email.html`   the parts, for services that merge
`payload.json`  the call of the service's API, for those that take AMP by it; `payload-2.json` and on for more
`messages/`     a whole message for each recipient (`000001.eml`), for those that take messages
`STEPS.md`      what to do with them
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from evermail.campaigns.render import Parts

DESCRIPTION = "build.json"
STEPS = "STEPS.md"
MESSAGES = "messages"
PART_FILES = {"subject": "subject.txt", "text": "email.txt", "amp": "amp.html", "html": "email.html"}
"""The file of each part."""

_OURS = re.compile(
    "|".join(map(re.escape, (DESCRIPTION, STEPS, MESSAGES, *PART_FILES.values(), "message.eml")))
    + r"|payload(-\d+)?\.json"
)
"""What builds and exports write."""


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder holds. `sent_at` is when it was made, in microseconds: its tokens are as old.
    `service` is the name of the dialect, `recipients` how many are in its messages or payloads."""

    template: str
    service: str
    campaign: str
    endpoint: str
    sent_at: int
    recipients: int = 0


class FolderRefused(Exception):
    """A folder that cannot be written or read. The message says why, and what to do."""


@contextmanager
def fresh(path: Path) -> Iterator[Path]:
    """A new folder to build in, which takes its place as a whole once all went well.

    An earlier build in that place goes, so that no email stays of somebody who has left since; anything else
    is left alone. Raises `FolderRefused`.
    """
    if path.exists() and not path.is_dir():
        raise FolderRefused(f"{path} is a file; name a folder")
    path = path.resolve()
    _require_a_build(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as problem:
        raise FolderRefused(f"{problem.filename or path} cannot be written: {problem.strerror}") from None
    new, old = working / "new", working / "old"
    try:
        new.mkdir()
        yield new
        _require_a_build(path)
        if path.is_dir():
            path.replace(old)
        try:
            new.replace(path)
        except OSError:
            if old.is_dir():
                old.replace(path)
            raise
    except OSError as problem:
        raise FolderRefused(f"{problem.filename or path} cannot be written: {problem.strerror}") from None
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _require_a_build(path: Path) -> None:
    """Raises `FolderRefused` for what is neither nothing, nor empty, nor a build and nothing else."""
    if path.exists() and not path.is_dir():
        raise FolderRefused(f"{path} is a file; name a folder")
    there = sorted(path.iterdir()) if path.is_dir() else []
    if not there:
        return
    try:
        read_description(path)
    except FolderRefused:
        raise FolderRefused(f"{path} holds something else than an earlier build; name a new folder") from None
    for one in there:
        if not _OURS.fullmatch(one.name):
            what = f"{path} holds an earlier build, and {one.name}, which no build made"
            raise FolderRefused(f"{what}; move that away, or name a new folder")


def write_parts(folder: Path, parts: Parts) -> None:
    """The parts, a file each."""
    for part, name in PART_FILES.items():
        text = getattr(parts, part)
        (folder / name).write_text(text + "\n" if part == "subject" else text, encoding="utf-8")


def read_parts(folder: Path) -> Parts:
    """The parts of a folder. Raises `FolderRefused`."""
    found = {}
    for part, name in PART_FILES.items():
        try:
            found[part] = (folder / name).read_text(encoding="utf-8")
        except OSError as problem:
            raise FolderRefused(f"{folder / name} cannot be read: {problem.strerror}") from None
        except UnicodeDecodeError:
            raise FolderRefused(f"{folder / name} is not UTF-8 text; build it anew") from None
    return Parts(**(found | {"subject": found["subject"].strip()}))


def write_description(folder: Path, built: Built) -> None:
    """What was built."""
    (folder / DESCRIPTION).write_bytes(msgspec.json.format(msgspec.json.encode(built), indent=2) + b"\n")


def read_description(folder: Path) -> Built:
    """What a folder holds. Raises `FolderRefused`."""
    path = folder / DESCRIPTION
    try:
        return msgspec.json.decode(path.read_bytes(), type=Built)
    except OSError as problem:
        reason = f"{path} cannot be read: {problem.strerror}"
        raise FolderRefused(f"{reason}; name a folder that `evermail campaign build` made") from None
    except msgspec.DecodeError as problem:
        raise FolderRefused(f"{path} was not written by `evermail campaign build`: {problem}") from None


def message_files(folder: Path) -> list[Path]:
    """The whole messages of a folder, in order."""
    return sorted((folder / MESSAGES).glob("*.eml"))
