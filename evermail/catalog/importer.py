"""Brings a store to what a feed says, writing only what differs.

**A feed that is wrong must not empty a catalog.** So the whole feed is read and checked before anything is
written (see `staging`), and then:

- if more than a given share of its items was refused, or it has no items, nothing is written;
- if it ended before it should, what was read is written, but nothing is withdrawn and the front page stays;
- if it lacks more than a given share of what the store has for sale, nothing is written either: such a feed
  is more often cut off than right.

An item that was refused counts as being in the feed: the store keeps what it has of it.

One import at a time. Several feeds for one store need `keep_missing`, as each lacks what the others have; the
front page is then that of the feed that came last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from evermail import clock
from evermail.catalog.findings import Code, Refused
from evermail.catalog.intake import Rules, may_be_written
from evermail.catalog.report import Report
from evermail.catalog.staging import Staging
from evermail.documents import Document, Key, Neighbor, Product, Trending
from evermail.stores import Outcome, Store, StoreError, StoreUnavailable, WriteResult
from evermail.trending import CATALOG

D = TypeVar("D", bound=Document)
T = TypeVar("T")

BATCH = 500
"""Documents in one call to the store: Firestore's limit of writes."""

FRONT_PAGE = 60
"""Products that an email can show while nothing is known: enough for its slots after those that are sold
out."""

ATTEMPTS = 6
LONGEST_PAUSE_S = 10.0
"""A store that does not answer is asked so often, after pauses of 0.5 s, 1 s, 2 s and so on."""

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and of how much, if that is known."""


class Importer:
    """One import into one store, which it reports on as it goes.

    `clock` dates what is written and `sleep` takes seconds. Raises `StoreUnavailable` when the store has not
    answered for some tries; the report then says what had been done. The same import again does the rest.
    """

    def __init__(
        self,
        store: Store,
        staging: Staging,
        report: Report,
        rules: Rules,
        *,
        clock: clock.Clock = clock.now_us,
        sleep: Callable[[float], None] = time.sleep,
        progress: Progress = lambda what, done, total: None,
    ) -> None:
        self._store = store
        self._staging = staging
        self._report = report
        self._rules = rules
        self._clock = clock
        self._progress = progress
        self._retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(multiplier=0.5, max=LONGEST_PAUSE_S),
            retry=retry_if_exception_type(StoreUnavailable),
            sleep=sleep,
            reraise=True,
        )

    def run(self) -> None:
        """Does what the rules allow with what was taken in."""
        if not may_be_written(self._report, self._rules):
            self._report.problems.append("nothing was written")
            return
        withdraw = self._report.complete and not self._rules.keep_missing
        try:
            if withdraw and not self._lacks_little():
                return
        except StoreUnavailable:
            raise
        except StoreError as error:
            # One of them cannot be read. If the feed has it, it is mended now, for the next import to see.
            problem = f"nothing was withdrawn, as the stored products cannot be read: {error}"
            self._report.problems.append(problem)
            withdraw = False
        self._write_products()
        if withdraw:
            self._withdraw()
        if self._report.complete:
            self._write_front_page()
        else:
            self._report.problems.append("nothing was withdrawn, and the front page stayed as it was")

    def _lacks_little(self) -> bool:
        """Finds what the store has for sale and the feed lacks, and says whether that can be true."""
        for_sale, missing = self._retrying(self._find_missing)
        if missing <= self._rules.max_withdrawn_share * for_sale:
            return True
        self._report.problems.append(
            f"nothing was written: the feed lacks {missing:,} of the {for_sale:,} products for sale, "
            f"more than {self._rules.max_withdrawn_share:.0%}; if that is right, say so with "
            "--max-withdrawn-share 1, or use --keep-missing"
        )
        return False

    def _find_missing(self) -> tuple[int, int]:
        for_sale = missing = 0
        for stored in _batches(self._store.scan(Product.COLLECTION), BATCH):
            available = [one for one in stored if isinstance(one, Product) and one.available]
            unknown = self._staging.not_in_feed([one.id for one in available])
            self._staging.add_missing(one for one in available if one.id in unknown)
            for_sale += len(available)
            missing += len(unknown)
            self._progress("looking for what the feed lacks", for_sale, None)
        return for_sale, missing

    def _write_products(self) -> None:
        total = self._report.read - self._report.refusals
        done = 0
        for batch in self._staging.products(BATCH):
            held = self._read([product.key for product in batch])
            differing = []
            for product in batch:
                stored = held.get(product.key)
                if isinstance(stored, Product) and _content(stored) == _content(product):
                    self._report.unchanged += 1
                else:
                    differing.append(self._dated(product, stored))
            self._put(differing, partial(self._count, held=held))
            done += len(batch)
            self._progress("comparing and writing", done, total)

    def _withdraw(self) -> None:
        for batch in self._staging.missing(BATCH):
            gone = [self._dated(msgspec.structs.replace(one, available=False), one) for one in batch]
            self._put(gone, self._count_withdrawn)
            self._progress("withdrawing", self._report.withdrawn, None)

    def _write_front_page(self) -> None:
        items: list[Neighbor] = []
        for batch in self._staging.products(BATCH):
            items += [Neighbor(product.id, 1.0) for product in batch if product.available]
            if len(items) >= FRONT_PAGE:
                break
        key = Key(Trending.COLLECTION, CATALOG)
        stored = self._read([key]).get(key)
        page = Trending(id=CATALOG, version=0, updated_at=0, as_of=0, items=items[:FRONT_PAGE])
        if not items or (isinstance(stored, Trending) and stored.items == page.items):
            return
        dated = self._dated(page, stored)
        dated.as_of = dated.updated_at
        self._put([dated], self._count_front_page)

    def _read(self, keys: Sequence[Key]) -> dict[Key, Document]:
        """A stored document that cannot be read counts as absent: it is about to be replaced."""
        try:
            return self._retrying(self._store.get_many, keys)
        except StoreUnavailable:
            raise
        except StoreError:
            if len(keys) == 1:
                return {}
            half = len(keys) // 2
            return {**self._read(keys[:half]), **self._read(keys[half:])}

    def _dated(self, document: D, stored: Document | None) -> D:
        """The document as of now. A store keeps the highest version, and clocks are not always right."""
        now_us = self._clock()
        version = now_us if stored is None else max(now_us, stored.version + 1)
        return msgspec.structs.replace(document, version=version, updated_at=now_us)

    def _put(self, documents: Sequence[Document], told: Callable[[WriteResult], None]) -> None:
        """Writes, and again what the store cannot take at first; tells what became of each document."""
        pending = {document.key: document for document in documents}
        if self._rules.dry_run:
            for key in pending:
                told(WriteResult(key, Outcome.WRITTEN))
            return
        tries = 0

        def write() -> None:
            nonlocal tries
            tries += 1
            problem = ""
            for result in self._store.put_many(list(pending.values())):
                if result.outcome is Outcome.TRANSIENT:
                    problem = result.message
                    continue
                del pending[result.key]
                # A write whose answer was lost has been made: to repeat it is stale then.
                repeated = result.outcome is Outcome.STALE and tries > 1
                told(WriteResult(result.key, Outcome.WRITTEN) if repeated else result)
            if pending:
                raise StoreUnavailable(f"{len(pending):,} documents could not be written: {problem}")

        if pending:
            self._retrying(write)

    def _count(self, result: WriteResult, *, held: Container[Key]) -> None:
        if result.outcome is Outcome.PERMANENT:
            finding = Refused(
                line=0,
                position=0,
                id=result.key.id,
                code=Code.STORE_REFUSED,
                attribute="",
                message=f"the store does not take it: {result.message}",
            )
            self._staging.add_finding(finding)
            self._report.count(finding)
        elif result.outcome is Outcome.STALE:
            self._report.overtaken += 1
        elif result.key in held:
            self._report.changed += 1
        else:
            self._report.added += 1

    def _count_withdrawn(self, result: WriteResult) -> None:
        self._report.withdrawn += result.outcome is Outcome.WRITTEN
        self._tell_if_refused(result)

    def _count_front_page(self, result: WriteResult) -> None:
        self._report.front_page = result.outcome is Outcome.WRITTEN
        self._tell_if_refused(result)

    def _tell_if_refused(self, result: WriteResult) -> None:
        if result.outcome is Outcome.PERMANENT:
            where = f"{result.key.collection}/{result.key.id}"
            self._report.problems.append(f"the store does not take {where}: {result.message}")


def _content(product: Product) -> Product:
    """What the feed says of a product, without what the store needs."""
    return msgspec.structs.replace(product, version=0, updated_at=0, expire_at=None, memory=b"")


def _batches(many: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(many, size)):
        yield batch
