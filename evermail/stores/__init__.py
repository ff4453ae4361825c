"""Where documents are kept, behind one small protocol.

`open_store` makes a store from a URL: `sqlite:///PATH` for one machine, `firestore://PROJECT` or
`firestore://PROJECT/DATABASE` for Google Cloud (and for its emulator, when FIRESTORE_EMULATOR_HOST is set).
"""

from __future__ import annotations

from evermail.stores.base import (
    Outcome,
    Store,
    StoreError,
    StoreUnavailable,
    UnreadableDocument,
    WriteResult,
    open_store,
    sqlite_file,
)

__all__ = [
    "Outcome",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "UnreadableDocument",
    "WriteResult",
    "open_store",
    "sqlite_file",
]
