"""Makes an email as a service would deliver it to one shopper, and what the marketer takes along."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from demo.studio.choices import Choice
from demo.studio.shelves import Opened, Shelf, Shopper
from evermail import clock
from evermail.campaigns.addressing import Addressed, Person
from evermail.campaigns.brand import Brand
from evermail.campaigns.building import (
    Order,
    as_delivered,
    write_for_all,
    write_messages,
)
from evermail.campaigns.check import AmpValidator, Finding, check
from evermail.campaigns.context import Context
from evermail.campaigns.dialects import DIALECTS
from evermail.campaigns.render import Parts, Renderer
from evermail.tokens import Recipient

SOMEBODY = "mara@example.com"

_HIDDEN = re.compile(r"<body\b.*?<div[^>]*display:\s*none[^>]*>(.*?)</div>", re.DOTALL | re.IGNORECASE)
_FILLER = re.compile("[\u00ad\u034f\u2007\u200b-\u200f\u2060\ufeff\u00a0\u2800]")


@dataclass(frozen=True)
class Proof:
    """One email, made once: like one that was sent, it stays as it is. `order` is what it was made of."""

    order: Order
    sample: Context
    addressed: Addressed
    parts: Parts
    shelf: Shelf

    @property
    def preheader(self) -> str:
        """What lists of emails show beside the subject."""
        found = _HIDDEN.search(self.parts.html)
        return " ".join(_FILLER.sub("", unescape(found[1])).split()) if found else ""

    def opened(self) -> Opened:
        """What it shows now. Raises `NothingToShow` and `StoreError`."""
        return self.shelf.open(self.sample, self.order.category)


class Proofs:
    """Makes proofs. `endpoint` is where the functions are, `sender` whom emails come from."""

    def __init__(
        self, endpoint: str, sender: Callable[[Brand], str], *, clock: clock.Clock = clock.now_us
    ) -> None:
        self.renderer = Renderer()
        self.endpoint = endpoint
        self._sender, self._clock = sender, clock

    def make(self, choice: Choice, shopper: Shopper, shelf: Shelf) -> Proof:
        """Raises `TemplateProblem`, `CannotAddress`, `MergeFailed`, `ValueError` and `StoreError`."""
        sample = self.renderer.sample_context(choice.template)
        recipient = shopper.recipient or Recipient("made-up", sample.campaign)
        order = Order(
            template=choice.template,
            brand=choice.brand,
            campaign=recipient.campaign,
            endpoint=self.endpoint,
            sent_at=self._clock(),
            sender=self._sender(choice.brand),
            category=shelf.category(sample),
            layout=choice.layout,
            first_name=shopper.recipient is None,
        )
        person = Person(
            email=SOMEBODY,
            recipient=recipient,
            names=(),
            first_name=(sample.recipient.first_name or "Mara") if shopper.recipient is None else "",
            place=shopper.label,
        )
        addressed = Addressed(person, shelf.tokens(sample), shelf.about(sample))
        dialect = DIALECTS[choice.service]
        parts, _ = as_delivered(order, addressed, dialect, self.renderer, shelf.snapshot)
        return Proof(order, sample, addressed, parts, shelf)

    def findings(self, proof: Proof, validator: AmpValidator | None) -> list[Finding]:
        """What `evermail campaign check` says of it."""
        return check(proof.parts, brand=proof.order.brand, now_us=self._clock(), validator=validator)

    def archive(self, proof: Proof, service: str) -> bytes:
        """A zip of what `evermail campaign build` writes. Raises as `make` does."""
        dialect, packed = DIALECTS[service], io.BytesIO()
        with tempfile.TemporaryDirectory(prefix="evermail-studio-") as temporary:
            folder = Path(temporary)
            if dialect.needs_rendering_per_recipient:
                write_messages(
                    folder, proof.order, dialect, self.renderer, proof.shelf.snapshot, [proof.addressed]
                )
            else:
                write_for_all(folder, proof.order, dialect, self.renderer, proof.shelf.snapshot)
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                    archive.write(path, str(Path(archive_name(proof, service)) / path.relative_to(folder)))
        return packed.getvalue()


def archive_name(proof: Proof, service: str) -> str:
    """Of the file without its ending, and of the folder in it."""
    return f"{proof.order.template}-{service}"
