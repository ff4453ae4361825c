"""A message as Pub/Sub gives it -> an event with pseudonyms for identifiers, or a refusal with its original
sealed. Nothing else comes out: whatever arrives, no identifier gets past here, and nothing raises."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evermail.dead_letters import letter, replayed
from evermail.dead_letters.seal import Seal
from evermail.events import MAX_PAYLOAD_BYTES, Event, Receipt, Rejected, parse_or_refuse, rejection
from evermail.events.checks import EARLIEST_TIME_US
from evermail.identities import pseudonymize
from evermail.pseudonyms import Pseudonymizer

STAGE = "decode"

MAX_PSEUDONYMIZED_BYTES = 1024 * 1024
"""Pseudonyms and our way to write numbers make an event longer than it was sent: what was taken in once must
be small enough to be replayed."""


class Decoder:
    """Decodes with the pseudonym secrets `keys`, by key id, of which the last is current."""

    def __init__(self, keys: Mapping[str, str], version: str) -> None:
        current = list(keys)[-1]
        self._pseudonyms = Pseudonymizer(keys, current)
        self._rotated = len(keys) > 1
        self._seal = Seal(current, keys[current])
        self._version = version

    def decode(
        self, data: bytes, attributes: Mapping[str, str] | None, *, published_us: int, now_us: int
    ) -> Event | Rejected:
        """`published_us` is when Pub/Sub took the message, 0 if that is not known."""
        received_us = published_us if published_us >= EARLIEST_TIME_US else now_us
        receipt = replayed.receipt_of(attributes, received_us)
        again = replayed.is_pseudonymized(attributes)
        limit = MAX_PSEUDONYMIZED_BYTES if again else MAX_PAYLOAD_BYTES
        try:
            event = parse_or_refuse(data, now_us, limit)
            known = self._with_aliases(receipt, event) if self._rotated and not again else receipt
            return pseudonymize(event, self._pseudonyms, known, sent=data, again=again)
        except Exception as error:
            refused = rejection(error, data, attributes, now_us=now_us, version=self._version, stage=STAGE)
        return self._sealed(refused, receipt)

    def _with_aliases(self, receipt: Receipt, event: Event) -> Receipt:
        return msgspec.structs.replace(
            receipt,
            user_aliases=self._pseudonyms.aliases("user", event.user_id),
            client_aliases=self._pseudonyms.aliases("client", event.client_id),
        )

    def _sealed(self, rejected: Rejected, receipt: Receipt) -> Rejected:
        told = msgspec.structs.replace(
            rejected,
            first_seen=receipt.first_seen or rejected.first_seen,
            received_at=receipt.received_at,
            attempts=receipt.attempts,
        )
        return letter.seal(told, self._seal)
