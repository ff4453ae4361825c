"""Reads of which what cannot be read takes nothing else along."""

from __future__ import annotations

from collections.abc import Sequence

from evermail.documents import Document, Key
from evermail.stores.base import Store, UnreadableDocument


def read_apart(
    store: Store, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
) -> dict[Key, Document | None]:
    """Like `Store.get_many`, and None for each that is there but cannot be read. One read, if all can be;
    `timeout_s` is for each."""
    try:
        return dict(store.get_many(keys, timeout_s=timeout_s, with_memory=with_memory))
    except UnreadableDocument:
        if len(keys) == 1:
            return {keys[0]: None}
    half = len(keys) // 2
    parts = keys[:half], keys[half:]
    one, other = (read_apart(store, part, timeout_s=timeout_s, with_memory=with_memory) for part in parts)
    return one | other
