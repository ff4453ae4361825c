"""The email that is checked: its parts as a recipient gets them, and what else is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from evermail.campaigns.brand import Brand
from evermail.campaigns.check.amp_validator import AmpValidator
from evermail.campaigns.check.document import Document
from evermail.campaigns.check.finding import Finding
from evermail.campaigns.render import Parts


@dataclass(frozen=True)
class Draft:
    """An email. `send_at_us` is when it goes out, in microseconds since the epoch. `token_keys` are the
    secrets that its tokens are signed with, if they are known. `validator` is the caller's, who closes it;
    without one, what a table can say of the AMP part is said."""

    parts: Parts
    send_at_us: int
    brand: Brand | None = None
    token_keys: tuple[str, ...] = ()
    validator: AmpValidator | None = None

    @cached_property
    def amp(self) -> Document:
        return Document(self.parts.amp)

    @cached_property
    def html(self) -> Document:
        return Document(self.parts.html)

    def documents(self) -> Iterator[tuple[str, Document]]:
        """The names and documents of the parts that are there."""
        if self.parts.amp.strip():
            yield "amp", self.amp
        if self.parts.html.strip():
            yield "html", self.html


Checker = Callable[[Draft], Iterator[Finding]]
"""Looks for one sort of mistake."""
