"""Takes in a whole feed: every item is judged, and all of it is counted and staged before anything is
written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from evermail.catalog import product as products
from evermail.catalog.item import Item
from evermail.catalog.product import CategoryLevel
from evermail.catalog.report import Report
from evermail.catalog.source import FeedBroken
from evermail.catalog.staging import Staging


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What an import may do. Shares are from 0 to 1."""

    category: CategoryLevel = CategoryLevel.FIRST
    max_refused_share: float = 0.1
    max_withdrawn_share: float = 0.5
    keep_missing: bool = False
    dry_run: bool = False


def take_in(
    items: Iterable[Item],
    staging: Staging,
    report: Report,
    rules: Rules,
    *,
    now_us: int,
    progress: Callable[[int], None] = lambda read: None,
) -> None:
    """Reads and checks a whole feed, one item at a time. What is wrong with it as a whole is among the
    report's problems afterwards; `progress` is called with the number of items read. Raises `FeedError`."""
    try:
        for item in items:
            _take_in(item, staging, report, rules, now_us)
            progress(report.read)
        report.complete = True
    except FeedBroken as broken:
        report.problems.append(f"only {report.read:,} items of the feed can be read: {broken}")
    if not report.read and report.complete:
        report.problems.append(
            "the feed has no items: no <item> (RSS), no <entry> (Atom), no second line (text)"
        )
    if report.read and not may_be_written(report, rules):
        report.problems.append(
            f"{report.refusals:,} of {report.read:,} items were refused, "
            f"more than {rules.max_refused_share:.0%}"
        )


def may_be_written(report: Report, rules: Rules) -> bool:
    """Whether a feed that was taken in is good enough to change anything."""
    return report.read > 0 and report.refusals <= rules.max_refused_share * report.read


def _take_in(item: Item, staging: Staging, report: Report, rules: Rules, now_us: int) -> None:
    report.read += 1
    checked = products.check(item, now_us=now_us, category=rules.category)
    refused = checked.refused
    if checked.product is not None and not staging.add(checked.product):
        refused = products.duplicate(item)
    if refused is None:
        for remarked in checked.remarks:
            report.count(remarked)
            staging.add_finding(remarked)
        return
    report.count(refused)
    staging.add_finding(refused)
    if not products.why_no_id(refused.id):
        staging.add_refused(refused.id)
