"""What a mail service's dialect has to say: its tags, what it does to AMP's mustache, its API, its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts


class MergeFailed(Exception):
    """What a service would refuse to merge: the message says at which tag, and why."""


class Addressee(msgspec.Struct, frozen=True):
    """One recipient of an email that a service merges: the address, and the values of the fields."""

    email: str
    values: Mapping[Field, str]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What an email needs beyond its parts.

    `sender` and `reply_to` are addresses with or without a name. `unsubscribe_url` has the service's tag in
    the place of the token. `sent_at` is in microseconds. `addressees` are the recipients of one call.
    """

    campaign: str
    sender: str
    unsubscribe_url: str
    sent_at: int
    reply_to: str | None = None
    addressees: Sequence[Addressee] = ()


class Dialect(Protocol):
    """A mail service.

    `most_addressees` is how many of them one call of its API takes. `unverified` is what could be tried
    nowhere and read in no official text: to be looked at in a test email first.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def needs_rendering_per_recipient(self) -> bool: ...
    @property
    def most_addressees(self) -> int: ...
    @property
    def unverified(self) -> Sequence[str]: ...

    def tag(self, field: Field, *, html: bool = False) -> str:
        """What the service replaces by a recipient's value. `html` asks for the tag of an HTML or AMP part,
        where markup in a value must stay text."""
        ...

    def protect_amp(self, amp: str) -> str:
        """The AMP part with its mustache kept from the service. To be done before tags are put in."""
        ...

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        """What the service makes of a part, given as text with tags in it, for one recipient. What it does
        not know it treats as the service does: mostly, it becomes nothing. Raises `MergeFailed`."""
        ...

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        """The JSON, or the form fields, of the call that brings the email into the service; None where
        there is none."""
        ...

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        """What the marketer does with the files, one sentence or a few each. `fields` are in use."""
        ...
