"""What an opened email costs: `make bench-ranking`.

The CPU of its ranking: a busy shopper of a busy shop, as many recent items as are asked, all rows as long as
they get, the rows of the candidates there as well, and the whole table of returns. The CPU of the whole
open, from reading to slots, with all that is shared remembered and a store that costs nothing. And how often
one instance of the function calls the store, on a clock that is told: each remembers for itself.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from bench.shelf_load import CATEGORIES, NEIGHBORS, NOW_US, RETURNS, MadeUpShop, row
from evermail import clock, ranking, repeats
from evermail.constants import SERVED
from evermail.documents import Profile, Seen
from evermail.serving import Recommender
from evermail.shelf.policy import Policy, PriceRange, Rule, Where

ITEMS, SHOPPERS = 2_000, 2_000
SLOTS = 4
OPENS = 2_000
STREAMED = 20_000


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m bench.bench_ranking",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    print(f"{'CPU of an open':58}{'p50':>10}{'p99':>10}")
    rows = f"{SERVED.context} + {SERVED.hops} rows of {NEIGHBORS} neighbours"
    _print_cpu(f"ranking of {rows}", _ranking_opens())
    for rules, named in ((0, 0), (20, 10), (200, 100)):
        policy = _policy(rules, named) if rules else None
        what = f", {rules} rules of up to {named} words" if rules else ", without rules"
        _print_cpu(f"whole open, {SLOTS} slots{what}", _whole_opens(policy))
    policy = _policy(200, 100)
    arranged_us = _cpu_us(lambda: Policy(rules=policy.rules).book)
    print(f"arranging those 200 rules, where they were read anew: {arranged_us:,.0f} us")
    print()
    print("store calls of the first open that an instance answers")
    for who, shopper in (("a shopper with a history", "shopper-1"), ("a stranger", "nobody")):
        shop = MadeUpShop(ITEMS, SHOPPERS)
        Recommender(shop).open(shopper, slots=SLOTS)  # type: ignore[arg-type]
        print(f"  {who:56}{shop.calls:>3} calls, {shop.documents:>4} documents")
    print()
    columns = f"{'mean':>7}{'p50':>5}{'p95':>5}{'max':>5}{'one':>7}{'documents':>11}"
    print(f"{'store calls an open, then':45}{columns}")
    _print_calls(ITEMS, 10.0, STREAMED)
    for products, per_s in ((ITEMS, 1.0), (ITEMS, 0.1), (50_000, 10.0)):
        _print_calls(products, per_s, STREAMED // 4)


def _ranking_opens() -> list[float]:
    choose = random.Random(1)
    items = [f"item-{number:05}" for number in range(ITEMS)]
    rows = {item_id: row(item_id, choose.sample(items, NEIGHBORS), choose) for item_id in items}
    rows[repeats.ROW_ID] = row(repeats.ROW_ID, RETURNS, choose)
    took_us = []
    for _ in range(OPENS):
        seen = [Seen(choose.choice(items), NOW_US - at * clock.MINUTE, "view_item") for at in range(50)]
        profile = Profile(id="s", version=1, updated_at=NOW_US, as_of=NOW_US, events=50, history=seen)

        def rank(profile: Profile = profile) -> None:
            read = {row_id: rows[row_id] for row_id in ranking.first_rows(profile)}
            read |= {row_id: rows[row_id] for row_id in ranking.second_rows(profile, read, now_us=NOW_US)}
            ranking.personal(profile, read, now_us=NOW_US)

        took_us.append(_cpu_us(rank))
    return took_us


def _whole_opens(policy: Policy | None) -> list[float]:
    shop = MadeUpShop(ITEMS, SHOPPERS, policy)
    recommender = Recommender(shop, clock=lambda: NOW_US)  # type: ignore[arg-type]
    for _ in range(OPENS):
        recommender.open(shop.next_open(), slots=SLOTS, campaign="may")
    return [
        _cpu_us(lambda: recommender.open(shop.next_open(), slots=SLOTS, campaign="may")) for _ in range(OPENS)
    ]


def _policy(rules: int, named: int) -> Policy:
    """Rules of every kind that name so many words, every second one for campaigns only; variety and a cap."""
    choose = random.Random(1)

    def words(what: str, of: int) -> tuple[str, ...]:
        return tuple(f"{what}-{one}" for one in choose.sample(range(of), min(named, of)))

    wheres: list[Callable[[], Where]] = [
        lambda: Where(items=words("item", ITEMS)),
        lambda: Where(items=words("item", ITEMS)),
        lambda: Where(category=words("category", CATEGORIES), price=PriceRange(at_least=150)),
        lambda: Where(brand=words("brand", 300), label=words("label", 200)),
    ]
    actions = [{"boost": 1.5}, {"bury": True}, {"boost": 2.0}, {"hide": True}, {"pin": 1}]
    made = (
        Rule(
            name=f"rule {n}",
            where=wheres[n % len(wheres)](),
            campaigns=("may", "june") if n % 2 else None,
            **actions[n % len(actions)],  # type: ignore[arg-type]
        )
        for n in range(rules)
    )
    return Policy(rules=tuple(made), diversity=0.1, max_per_category=2)


def _print_cpu(what: str, took_us: list[float]) -> None:
    print(f"{what:58}{_share(took_us, 0.5):>7,.0f} us{_share(took_us, 0.99):>7,.0f} us")


def _print_calls(products: int, per_s: float, opens: int) -> None:
    """Of the opens after the first fifth, with which an instance learns what it remembers then."""
    shop = MadeUpShop(products, SHOPPERS)
    told_us = NOW_US
    recommender = Recommender(shop, clock=lambda: told_us)  # type: ignore[arg-type]
    dice = random.Random(2)
    calls: list[float] = []
    warm_up = opens // 5
    for number in range(opens):
        told_us += int(dice.expovariate(per_s) * clock.SECOND)
        before = shop.calls
        if number == warm_up:
            shop.documents = 0
        recommender.open(shop.next_open(), slots=SLOTS)
        if number >= warm_up:
            calls.append(shop.calls - before)
    what = f"{products:,} products, {per_s:g} opens/s of an instance"
    mean, one = sum(calls) / len(calls), sum(each == 1 for each in calls) / len(calls)
    figures = "".join(f"{_share(calls, share):>5.0f}" for share in (0.5, 0.95, 1.0))
    print(f"{what:45}{mean:>7.2f}{figures}{one:>7.0%}{shop.documents / len(calls):>11.0f}")


def _cpu_us(run: Callable[[], object]) -> float:
    begun = time.process_time_ns()
    run()
    return (time.process_time_ns() - begun) / 1_000


def _share(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


if __name__ == "__main__":
    main()
