"""The names of the counters that the job keeps; the law of conservation is stated with them.

published = accepted + duplicate + late + erased + rejected, and accepted = what profiles count + aggregated +
dropped. The other pairs say when the job has come to
rest: everything that one stage handed on has been taken in by the next.
"""

NAMESPACE = "evermail"

ACCEPTED = "accepted"
DUPLICATE = "duplicate"
LATE = "late"
ERASED = "erased"
"""Dropped, as older than the erasure of its shopper."""
REJECTED_PREFIX = "rejected/"
"""Followed by a code of `evermail.events.Code`."""

AGGREGATED = "aggregated"
"""Accepted without consent to personalisation: in aggregates, in no profile."""
DROPPED = "dropped"
"""Was in a profile once, and left it by an erasure or the withdrawal of consent."""

ERASURES_SENT = "erasures_sent"
BOOTSTRAP_READS = "bootstrap_reads"
BOOTSTRAPPED = "bootstrapped"
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

PRODUCTS_UNKNOWN = "products_unknown"
"""Lines of events whose product the catalog did not know."""
LINES_WAITING = "lines_waiting"
"""Those of them that a category's trending list waits for; in the end each is found or given up."""
LINES_FOUND = "lines_found"
LINES_GIVEN_UP = "lines_given_up"
CARTS_LEFT = "carts_left"
CARTS_BOUGHT_LATE = "carts_bought_late"
"""Announced as left, when the purchase had been made and its event was still on its way."""
