"""A digest of all documents, equal for two runs that saw the same events at different times of day.

Times are taken relative to the start of the run, and weights are as of a document's own time, so that what is
compared is what the events said. Versions and update times tell when a document was written, not what is in
it: they are left out.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from evermail import repeats
from evermail.documents import Document, Neighbors, Profile, Trending
from evermail.stores import Store


def of_store(store: Store, start_us: int) -> str:
    """SHA-256 over the documents that events make, in the order of their ids."""
    digest = hashlib.sha256()
    for kind in (Profile, Neighbors, Trending):
        for document in store.scan(kind.COLLECTION):
            fields = canonical(document, start_us)
            if fields is not None:
                digest.update(msgspec.json.encode([kind.COLLECTION, fields], order="deterministic"))
    return digest.hexdigest()


def canonical(document: Document, start_us: int) -> dict[str, Any] | None:
    """The comparable content of a document; None for one that says nothing."""
    fields: dict[str, Any] = msgspec.to_builtins(document)
    for bookkeeping in ("version", "updated_at", "expire_at", "memory"):
        fields.pop(bookkeeping, None)
    if isinstance(document, Profile):
        fields["as_of"] = document.as_of - start_us
        fields["history"] = [
            [seen.item_id, seen.event_time - start_us, seen.event] for seen in document.history
        ]
        fields["purchased"] = {item_id: time - start_us for item_id, time in document.purchased.items()}
    elif isinstance(document, Neighbors):
        if not document.neighbors:
            return None
        fields["as_of"] = document.as_of - start_us
        if document.id == repeats.ROW_ID:
            # It is told whole hours only: where in one a run began must not show.
            fields = {"counts": {one.item_id: round(one.weight) for one in document.neighbors}}
    elif isinstance(document, Trending):
        if document.as_of < start_us:
            return None  # written with the catalog
        fields["as_of"] = document.as_of - start_us
    return fields
