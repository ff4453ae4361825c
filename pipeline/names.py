"""The names of the counters that the job keeps; the law of conservation is stated with them.

published = accepted + duplicate + late + rejected. The other pairs say when the job has come to
rest: everything that one stage handed on has been taken in by the next.
"""

NAMESPACE = "evermail"

ACCEPTED = "accepted"
DUPLICATE = "duplicate"
LATE = "late"
REJECTED_PREFIX = "rejected/"
"""Followed by a code of `evermail.events.Code`."""

PROFILE_FLUSHES_DUE = "profile_flushes_due"
PROFILE_FLUSHES_DONE = "profile_flushes_done"
ROW_UPDATES_SENT = "row_updates_sent"
ROW_UPDATES_TAKEN = "row_updates_taken"
ROW_FLUSHES_DUE = "row_flushes_due"
ROW_FLUSHES_DONE = "row_flushes_done"
TRENDING_SENT = "trending_sent"
TRENDING_TAKEN = "trending_taken"
DOCUMENTS_MADE = "documents_made"
DOCUMENTS_WRITTEN = "documents_written"
DOCUMENTS_STALE = "documents_stale"
DOCUMENTS_REFUSED = "documents_refused"
STORE_RETRIES = "store_retries"
