"""An idea for the store writer, measured and given up: bundles that end at the same time write together.

The first one goes at once, what comes while it is on its way makes up the next call, and each bundle gets the
answers for its own documents. `bench.bench_stores` compares it with what `pipeline.store_writer` does. It was
given up because a bundle waits for the call before its own as well: where a call takes 20 ms, as over a
network, 16 threads get half as much done, and the client works less only for bundles of one document.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from evermail.documents import Document
from evermail.stores import WriteResult

PutMany = Callable[[Sequence[Document]], list[WriteResult]]


class GroupCommit:
    """Makes one call of several that threads make at once: at most one is under way, of `limit` documents
    unless one thread hands in more. What the call raises, all that were part of it raise."""

    def __init__(self, put_many: PutMany, *, limit: int = 500) -> None:
        self._put_many = put_many
        self._limit = limit
        self._busy = False
        self._waiting: deque[_Part] = deque()
        self._changed = threading.Condition()

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        mine = _Part(documents)
        with self._changed:
            self._waiting.append(mine)
        while group := self._next_group(mine):
            try:
                results = self._put_many([document for part in group for document in part.documents])
                for part in group:
                    size = len(part.documents)
                    part.results, results = results[:size], results[size:]
            except Exception as problem:
                for part in group:
                    part.problem = problem
            finally:
                with self._changed:
                    self._busy = False
                    for part in group:
                        part.done = True
                    self._changed.notify_all()
        if mine.problem is not None:
            raise mine.problem
        return mine.results

    def _next_group(self, mine: _Part) -> list[_Part]:
        """What this thread is to write next: the parts that came first. Nothing once its own is written."""
        with self._changed:
            self._changed.wait_for(lambda: mine.done or (not self._busy and self._waiting))
            if mine.done:
                return []
            self._busy = True
            group = [self._waiting.popleft()]
            size = len(group[0].documents)
            while self._waiting and size + len(self._waiting[0].documents) <= self._limit:
                group.append(self._waiting.popleft())
                size += len(group[-1].documents)
            return group


class _Part:
    """What one thread handed in, and what became of it."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.results: list[WriteResult] = []
        self.problem: Exception | None = None
        self.done = False
