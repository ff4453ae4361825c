"""Builds an email for a mail service, from a template and what is known when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from evermail.campaigns.addressing import Addressed, CannotAddress, values
from evermail.campaigns.brand import Brand
from evermail.campaigns.context import Context, EmailRecipient
from evermail.campaigns.dialects import Addressee, Dialect, Envelope
from evermail.campaigns.dialects.raw import message
from evermail.campaigns.folder import MESSAGES, STEPS, Built, write_description, write_parts
from evermail.campaigns.instructions import instructions
from evermail.campaigns.merge import Field, any_item, everybody, fields_of, with_tags
from evermail.campaigns.render import Parts, Renderer
from evermail.campaigns.snapshot import Snapshot

EXAMPLE = Addressee("someone@example.com", {field: f"THEIR-{field}" for field in Field})
"""Stands in a payload where no recipients are given."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be built. `sent_at` is in microseconds; `sender` and `reply_to` are addresses."""

    template: str
    brand: Brand
    campaign: str
    endpoint: str
    sent_at: int
    sender: str
    reply_to: str | None = None
    category: str = ""
    layout: Literal["grid", "carousel"] = "grid"
    first_name: bool = False

    def context(self, recipient: EmailRecipient) -> Context:
        """What the template is filled with, without any product. Raises `ValueError`."""
        return Context(
            campaign=self.campaign,
            brand=self.brand,
            recipient=recipient,
            endpoint=self.endpoint,
            sent_at=self.sent_at,
            category=self.category,
            layout=self.layout,
        )

    def envelope(self, unsubscribe_url: str, addressees: Sequence[Addressee] = ()) -> Envelope:
        return Envelope(
            campaign=self.campaign,
            sender=self.sender,
            reply_to=self.reply_to,
            unsubscribe_url=unsubscribe_url,
            sent_at=self.sent_at,
            addressees=addressees,
        )

    def built(self, dialect: Dialect, number: int = 1) -> Built:
        """What a folder with it holds."""
        return Built(
            template=self.template,
            service=dialect.name,
            campaign=self.campaign,
            endpoint=self.endpoint,
            sent_at=self.sent_at,
            recipients=number,
        )


def is_about_products(template: str, renderer: Renderer) -> bool:
    """Whether its emails are about products of each recipient, as its sample is. Raises `TemplateProblem`."""
    return bool(renderer.sample_context(template).about)


def is_about_category(template: str, renderer: Renderer) -> bool:
    """Whether its emails are about a category. Raises `TemplateProblem`."""
    return bool(renderer.sample_context(template).category)


def dialect_parts(
    template: str, context: Context, dialect: Dialect, renderer: Renderer | None = None
) -> Parts:
    """The parts of an email for all, as the service is to get them: `context` has `everybody()` for its
    recipient. Raises `TemplateProblem`."""
    return _in_dialect((renderer or Renderer()).render(template, context), dialect)


def merged_parts(parts: Parts, dialect: Dialect, values: Mapping[Field, str]) -> Parts:
    """What one recipient gets of `dialect_parts`, as far as it can be said here. Raises `MergeFailed`."""
    return Parts(
        subject=dialect.merged(parts.subject, values),
        text=dialect.merged(parts.text, values),
        amp=dialect.merged(parts.amp, values, html=True),
        html=dialect.merged(parts.html, values, html=True),
    )


def write_for_all(
    folder: Path,
    order: Order,
    dialect: Dialect,
    renderer: Renderer,
    snapshot: Snapshot,
    addressed: Iterable[Addressed] | None = None,
) -> int:
    """One email that the service merges, with the calls of its API if it has one, and how many it is for.

    Raises `TemplateProblem`, `CannotAddress`, `ValueError` and `StoreError`.
    """
    context = _for_all(order, renderer, snapshot)
    marked = renderer.render(order.template, context)
    fields = _used(marked)
    parts = _in_dialect(marked, dialect)
    write_parts(folder, parts)
    envelope = order.envelope(with_tags(context.unsubscribe_url, dialect.tag))
    number = 0
    for call, addressees in enumerate(_calls(dialect, addressed, fields), start=1):
        payload = dialect.payload(parts, msgspec.structs.replace(envelope, addressees=addressees))
        if payload is not None:
            name = "payload.json" if call == 1 else f"payload-{call}.json"
            _write_json(folder / name, payload)
        number += len(addressees) if addressed is not None else 0
    _describe(folder, order, dialect, envelope, fields, number)
    return number


def write_messages(
    folder: Path,
    order: Order,
    dialect: Dialect,
    renderer: Renderer,
    snapshot: Snapshot,
    addressed: Iterable[Addressed],
) -> int:
    """A whole message for each recipient, with what is picked for them, and how many there are.

    Raises `TemplateProblem`, `CannotAddress`, `ValueError` and `StoreError`.
    """
    (folder / MESSAGES).mkdir()
    number = 0
    for number, one in enumerate(addressed, start=1):
        parts, envelope = personal(order, one, renderer, snapshot)
        try:
            mime = message(parts, envelope)
        except ValueError as problem:
            raise CannotAddress(f"{one.person.place}: {problem}; mend it") from None
        (folder / MESSAGES / f"{number:06}.eml").write_bytes(mime.as_bytes())
        if (payload := dialect.payload(parts, envelope)) is not None:
            _write_json(folder / MESSAGES / f"{number:06}.json", payload)
    _describe(folder, order, dialect, order.envelope(""), [], number)
    return number


def personal(order: Order, one: Addressed, renderer: Renderer, snapshot: Snapshot) -> tuple[Parts, Envelope]:
    """The email of one recipient, rendered for them. Raises as `write_messages` does."""
    recipient = one.person.recipient
    items = (
        snapshot.for_everybody(order.category)
        if order.category
        else snapshot.for_shopper(recipient.shopper, recipient.campaign)
    )
    context = msgspec.structs.replace(
        order.context(EmailRecipient(one.tokens, one.person.first_name or None)), about=one.about, items=items
    )
    parts = renderer.render(order.template, context)
    return parts, order.envelope(context.unsubscribe_url, [Addressee(one.person.email, {})])


def as_delivered(
    order: Order, one: Addressed, dialect: Dialect, renderer: Renderer, snapshot: Snapshot
) -> tuple[Parts, Envelope]:
    """The email of one recipient as the service would deliver it: rendered for them, or merged.

    Raises `MergeFailed`, and as `write_for_all` does.
    """
    if dialect.needs_rendering_per_recipient:
        return personal(order, one, renderer, snapshot)
    context = _for_all(order, renderer, snapshot)
    marked = renderer.render(order.template, context)
    filled = values(one, _used(marked))
    url = dialect.merged(with_tags(context.unsubscribe_url, dialect.tag), filled)
    parts = merged_parts(_in_dialect(marked, dialect), dialect, filled)
    return parts, order.envelope(url, [Addressee(one.person.email, {})])


def _for_all(order: Order, renderer: Renderer, snapshot: Snapshot) -> Context:
    return msgspec.structs.replace(
        order.context(everybody(first_name=order.first_name)),
        about=[any_item()] if is_about_products(order.template, renderer) else [],
        items=snapshot.for_everybody(order.category),
    )


def _used(marked: Parts) -> list[Field]:
    """The fields of a rendered email, and what its header needs."""
    used = fields_of("\n".join(msgspec.structs.astuple(marked))) | {Field.UNSUBSCRIBE}
    return [field for field in Field if field in used]


def _in_dialect(marked: Parts, dialect: Dialect) -> Parts:
    """Rendered parts with the service's tags in the places of markers."""
    return Parts(
        subject=with_tags(marked.subject, dialect.tag),
        text=with_tags(marked.text, dialect.tag),
        amp=with_tags(dialect.protect_amp(marked.amp), lambda field: dialect.tag(field, html=True)),
        html=with_tags(marked.html, lambda field: dialect.tag(field, html=True)),
    )


def _calls(
    dialect: Dialect, addressed: Iterable[Addressed] | None, fields: Sequence[Field]
) -> Iterator[list[Addressee]]:
    """The addressees of each call of the service's API; one example if nobody is given."""
    if addressed is None:
        example = Addressee(EXAMPLE.email, {field: EXAMPLE.values[field] for field in fields})
        yield [example] if dialect.most_addressees else []
        return
    batch: list[Addressee] = []
    for one in addressed:
        batch.append(Addressee(one.person.email, values(one, fields)))
        if len(batch) == dialect.most_addressees:
            yield batch
            batch = []
    if batch:
        yield batch


def _describe(
    folder: Path, order: Order, dialect: Dialect, envelope: Envelope, fields: Sequence[Field], number: int
) -> None:
    built = order.built(dialect, number)
    write_description(folder, built)
    (folder / STEPS).write_text(instructions(built, dialect, envelope, fields), encoding="utf-8")


def _write_json(path: Path, payload: Mapping[str, object]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(payload), indent=2) + b"\n")
