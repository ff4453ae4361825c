"""Why there is nothing to recommend, as the answer and the log say it."""

from __future__ import annotations

from evermail.serving import NothingToShow
from functions.logs import RequestLog
from functions.responses import Failure


def failure_of(problem: Exception, log: RequestLog) -> Failure:
    """503: nothing_to_show where nothing went wrong, else store_unavailable, with the cause in the log."""
    cause = problem.__cause__ if isinstance(problem, NothingToShow) else problem
    if cause is None:
        return Failure(503, "nothing_to_show", "there is nothing to recommend now")
    log.add_exception(cause)
    return Failure(503, "store_unavailable", "the recommendations cannot be read now")
