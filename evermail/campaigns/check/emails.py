"""The emails that are to be checked: those in a folder of `evermail campaign build`, or in files.

Parts that a mail service merges are merged here for somebody made up; of many messages, some are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evermail import clock
from evermail.campaigns.building import merged_parts
from evermail.campaigns.check import mime
from evermail.campaigns.check.finding import Finding, error, hint
from evermail.campaigns.context import Tokens
from evermail.campaigns.dialects import DIALECTS, Dialect, MergeFailed
from evermail.campaigns.folder import DESCRIPTION, PART_FILES, FolderRefused, message_files, read_description
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts
from evermail.tokens import Recipient, TokenSigner

MERGE_FAILED = error(
    "merge_failed",
    "The mail service would not merge this part: it would refuse the email, or send the tags.",
    "Build the campaign again for this service (`--esp`); write no tags of its language by hand.",
)
PAYLOAD_BROKEN = error(
    "payload_broken",
    "The file with the call of the service's API cannot be read as JSON.",
    "Build the campaign again; change the parts before, not this file.",
)
PAYLOAD_DIFFERS = error(
    "payload_differs",
    "The call of the service's API carries another AMP part than the one that was checked.",
    "Build the campaign again, so that its files are of one time.",
)
NOT_ALL_MESSAGES = hint(
    "not_all_messages",
    "There are so many messages that only some were looked at, from the first to the last.",
    "Nothing to do: they are made alike. To look at a certain one, name its file.",
)

MOST_MESSAGES = 50

_MADE_UP_KEY = "a key that signs nothing but examples"
_MADE_UP = {
    Field.FIRST_NAME: "Mara",
    Field.ITEM_TITLE: "Stoneware mug, speckled",
    Field.ITEM_PRICE: "€18.00",
    Field.ITEM_IMAGE: "https://shop.example/images/MUG-01.png",
    Field.ITEM_URL: "https://shop.example/p/MUG-01",
}


class NothingToCheck(Exception):
    """There is no email at a path. The message says why, and what to do."""


class Email(msgspec.Struct, frozen=True, kw_only=True):
    """An email as one recipient gets it. `message` is all of it where it is whole, else nothing. `is_made_up`
    tells that its tokens open nothing. `findings` are of how it came to be."""

    file: str
    parts: Parts
    message: bytes = b""
    is_made_up: bool = False
    findings: tuple[Finding, ...] = ()


def emails(path: Path, *, service: str, token_keys: tuple[str, ...], send_at_us: int) -> Iterator[Email]:
    """Those of a folder or a file; `service` overrides what a folder says it was built for. Raises
    `NothingToCheck`."""
    if not path.is_dir():
        yield _message(path)
        return
    if (path / DESCRIPTION).is_file():
        try:
            built = read_description(path)
        except FolderRefused as refused:
            raise NothingToCheck(str(refused)) from None
        service = service or built.service
    files = message_files(path) or sorted(path.glob("*.eml"))
    has_parts = not files and any((path / name).is_file() for name in PART_FILES.values())
    if not files and not has_parts:
        raise NothingToCheck(f"{path} has no email: name a folder that `evermail campaign build` made")
    if has_parts:
        values = made_up_values(token_keys, send_at_us)
        email = _parts(path, DIALECTS.get(service), values)
        yield msgspec.structs.replace(email, is_made_up=not token_keys)
    step = max(1, -(-len(files) // MOST_MESSAGES))
    for number, file in enumerate(files[::step]):
        findings: tuple[Finding, ...] = ()
        if number == 0 and step > 1:
            said = f"{len(files[::step]):,} of {len(files):,} messages were looked at"
            findings = (NOT_ALL_MESSAGES.at("check", 0, said),)
        yield msgspec.structs.replace(_message(file), findings=findings)


def made_up_values(token_keys: tuple[str, ...], time_us: int) -> dict[Field, str]:
    """What a mail service fills in for somebody made up, whose tokens are of a time in microseconds."""
    signer = TokenSigner(token_keys or (_MADE_UP_KEY,), clock=clock.Stopped(time_us))
    tokens = Tokens.signed(Recipient("k1.somebody-made-up", "check"), signer)
    return _MADE_UP | {
        Field.RECOMMENDATIONS: tokens.recommendations,
        Field.SLOTS: tokens.slots,
        Field.ACTIONS: tokens.actions,
        Field.UNSUBSCRIBE: tokens.unsubscribe,
    }


def _message(path: Path) -> Email:
    source = _read(path)
    return Email(file=path.name, parts=mime.parts_of(mime.parsed(source)), message=source)


def _parts(path: Path, dialect: Dialect | None, values: dict[Field, str]) -> Email:
    files = {part: path / name for part, name in PART_FILES.items()}
    try:
        texts = {part: _read(file).decode() if file.is_file() else "" for part, file in files.items()}
    except UnicodeDecodeError:
        raise NothingToCheck(f"a part in {path} is not UTF-8 text: build the campaign again") from None
    parts = Parts(**texts | {"subject": texts["subject"].strip()})
    findings = list(_payloads(path, parts.amp))
    if dialect is not None:
        parts, failed = _merged(parts, dialect, values)
        findings += failed
    return Email(file="", parts=parts, findings=tuple(findings))


def _merged(parts: Parts, dialect: Dialect, values: dict[Field, str]) -> tuple[Parts, list[Finding]]:
    """The parts after the service's merge; as they are, where it fails."""
    try:
        return merged_parts(parts, dialect, values), []
    except MergeFailed as failed:
        return parts, [MERGE_FAILED.at("check", 0, f"{dialect.title}: {failed}")]


def _payloads(path: Path, amp: str) -> Iterator[Finding]:
    for file in sorted(path.glob("payload*.json")):
        try:
            content = json.loads(_read(file))
        except ValueError as problem:
            line = problem.lineno if isinstance(problem, json.JSONDecodeError) else 0
            yield PAYLOAD_BROKEN.at("payload", line, f"{file.name} is not JSON: {problem}")
            continue
        if amp not in _texts(content):
            yield PAYLOAD_DIFFERS.at(
                "payload", 0, f"{file.name} does not hold what is in {PART_FILES['amp']}"
            )


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise NothingToCheck(f"{path} cannot be read: {problem.strerror}") from None
