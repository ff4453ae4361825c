"""`evermail campaign experiment`: what is stored is what opens go by, and what has begun is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from evermail import clock, impressions
from evermail.campaigns.command import experiment as module
from evermail.campaigns.command.experiment import experiment
from evermail.documents import Campaign, Impression, Key, Neighbor, Trending, Variant
from evermail.experiments import variant_of
from evermail.shelf import store_option
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from evermail.trending import category_scope

Run = Callable[..., Result]

_app = typer.Typer(rich_markup_mode=None)
_app.command()(experiment)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "shop.sqlite3")
    monkeypatch.setenv("EVERMAIL_STORE", f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    yield store
    store.close()


def run(*arguments: str, campaign: str = "autumn") -> Result:
    result = CliRunner().invoke(_app, [campaign, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def stored(store: SqliteStore) -> Campaign | None:
    key = Key(Campaign.COLLECTION, "autumn")
    found = store.get_many([key]).get(key)
    assert found is None or isinstance(found, Campaign)
    return found


def opened_by_somebody(store: SqliteStore, campaign: str) -> None:
    now_us = clock.now_us()
    shown = impressions.after(
        None,
        campaign=campaign,
        shopper="k1.AAAAAAAAAAAAAAAAAAAAAA",
        variant="",
        source="personal",
        slots=[],
        as_of=0,
        prefetch=True,
        now_us=now_us,
    )
    assert isinstance(shown, Impression)
    store.put_many([shown])


# What is stored


def test_what_is_given_is_stored_and_told(store: SqliteStore) -> None:
    result = run(
        *("--holdout", "0.1", "--variant", "as_is=2", "--variant", "calm=1,popular,diversity=0.2"),
        *("--category", "Lamps"),
    )
    assert result.exit_code == 0
    found = stored(store)
    assert found is not None
    assert (found.id, found.holdout, found.category) == ("autumn", 0.1, "Lamps")
    assert found.variants == (Variant("as_is", 2.0), Variant("calm", 1.0, personal=False, diversity=0.2))
    assert result.stdout.splitlines() == [
        "autumn, about Lamps",
        "  holdout   10.0%  what is popular",
        "  as_is     60.0%  what suits each shopper",
        "  calm      30.0%  what is popular, diversity 0.2",
        "emails follow it within 5 seconds",
    ]


def test_the_shares_that_are_told_are_those_that_shoppers_get(store: SqliteStore) -> None:
    run("--holdout", "0.2", "--variant", "a=3", "--variant", "b=1")
    found = stored(store)
    seen = [variant_of(found, f"shopper-{number}").name for number in range(4_000)]
    assert seen.count("holdout") / 4_000 == pytest.approx(0.2, abs=0.03)
    assert seen.count("a") / 4_000 == pytest.approx(0.6, abs=0.03)


def test_what_is_not_given_stays(store: SqliteStore) -> None:
    run("--holdout", "0.1", "--variant", "a=1", "--category", "Lamps")
    run("--category", "")
    found = stored(store)
    assert found is not None
    assert (found.holdout, found.variants, found.category) == (0.1, (Variant("a"),), "")


def test_so_does_what_others_have_stored_of_the_campaign(store: SqliteStore) -> None:
    version = clock.now_us() + clock.HOUR
    store.put_many(
        [Campaign(id="autumn", version=version, updated_at=0, name="Autumn sale", template="grid")]
    )
    assert run("--holdout", "0.1").exit_code == 0
    found = stored(store)
    assert found is not None
    assert (found.name, found.template, found.holdout) == ("Autumn sale", "grid", 0.1)


def test_a_holdout_alone_is_told_with_the_others(store: SqliteStore) -> None:
    lines = run("--holdout", "0.25").stdout.splitlines()
    assert lines[1:3] == [
        "  holdout   25.0%  what is popular",
        "  others    75.0%  what suits each shopper",
    ]


def test_to_show_changes_nothing(store: SqliteStore) -> None:
    assert run("--show").stdout == "autumn has no experiment\n"
    assert stored(store) is None
    run("--category", "Lamps")
    before = stored(store)
    assert run("--show").stdout == "autumn, about Lamps: no experiment\n"
    assert stored(store) == before


def test_a_category_in_which_nothing_is_popular_may_be_a_slip(store: SqliteStore) -> None:
    assert "spelt" in run("--category", "Lmaps").stderr
    items = [Neighbor("SKU1", 1.0)]
    store.put_many([Trending(id=category_scope("Lamps"), version=1, updated_at=0, as_of=0, items=items)])
    assert run("--category", "Lamps").stderr == ""


# What has begun


@pytest.mark.parametrize("change", [("--holdout", "0.2"), ("--variant", "a=2"), ("--variant", "b=1")])
def test_shares_of_what_has_begun_are_not_changed_unless_one_insists(
    store: SqliteStore, change: tuple[str, str]
) -> None:
    run("--holdout", "0.1", "--variant", "a=1", "--variant", "c=1")
    before = stored(store)
    opened_by_somebody(store, "autumn")
    result = run(*change)
    assert result.exit_code == 1
    assert "by hash" in result.stderr
    assert "--force" in result.stderr
    assert "holdout" in result.stderr, "what there is"
    assert stored(store) == before
    assert run(*change, "--force").exit_code == 0
    assert stored(store) != before


def test_what_moves_nobody_may_change_at_any_time(store: SqliteStore) -> None:
    run("--holdout", "0.1", "--variant", "a=1")
    opened_by_somebody(store, "autumn")
    assert run("--category", "Lamps").exit_code == 0
    assert run("--holdout", "0.1", "--variant", "a=1").exit_code == 0


def test_what_has_not_begun_may_be_changed(store: SqliteStore) -> None:
    run("--holdout", "0.1")
    opened_by_somebody(store, "spring")
    assert run("--holdout", "0.2").exit_code == 0
    found = stored(store)
    assert found is not None
    assert found.holdout == 0.2


# What is wrong


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "nothing to do"),
        (("--show", "--holdout", "0.1"), "--show changes nothing"),
        (("--holdout", "10"), "10 % are 0.1"),
        (("--holdout", "-0.1"), "from 0 to 1"),
        (("--holdout", "nan"), "from 0 to 1"),
        (("--category", "a\nb"), "--category"),
        (("--variant", "a"), "its share"),
        (("--variant", "a=0"), "its share"),
        (("--variant", "a=inf"), "its share"),
        (("--variant", "=1"), "a name has"),
        (("--variant", "holdout=1"), "--holdout"),
        (("--variant", "a=1", "--variant", "a=2"), "twice"),
        (("--variant", "a=1,diversity=2"), "from 0 to 1"),
        (("--variant", "a=1,personal"), "'personal'"),
        (tuple(word for number in range(21) for word in ("--variant", f"v{number}=1")), "at most 20"),
    ],
)
def test_what_is_wrong_is_told_and_stores_nothing(
    store: SqliteStore, arguments: tuple[str, ...], told: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert stored(store) is None


def test_a_campaign_that_no_token_could_name_is_refused(store: SqliteStore) -> None:
    assert run("--show", campaign=" autumn").exit_code == 2


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    result = run("--holdout", "0.1", "--store", f"sqlite:///{tmp_path / 'none.sqlite3'}")
    assert (result.exit_code, "there is no" in result.stderr) == (2, True)
    assert not (tmp_path / "none.sqlite3").exists()


class Silent(SqliteStore):
    def get_many(self, *args: object, **more: object) -> dict[Key, object]:  # type: ignore[override]
        raise StoreUnavailable("a fault for the test")


def test_a_store_that_does_not_answer_is_told(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_option, "open_store", lambda url: Silent(tmp_path / "shop.sqlite3"))
    result = run("--holdout", "0.1")
    assert (result.exit_code, "does not answer" in result.stderr) == (3, True)


def test_who_is_overtaken_is_told(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run("--holdout", "0.1")
    monkeypatch.setattr(module, "_stored", lambda store, campaign: None)
    monkeypatch.setattr(clock, "now_us", lambda: 1)
    result = run("--category", "Lamps")
    assert (result.exit_code, "at the same moment" in result.stderr) == (3, True)


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", fullmatch=True).filter(
    lambda name: name != "holdout"
)
variants = st.builds(
    Variant,
    names,
    st.floats(1e-6, 1e6),
    st.booleans(),
    st.none() | st.floats(0.0, 1.0),
)


@given(st.lists(variants, min_size=1, max_size=20, unique_by=lambda variant: variant.name))
def test_every_variant_can_be_said(said: list[Variant]) -> None:
    texts = [
        f"{one.name}={one.weight!r}"
        + ("" if one.personal else ",popular")
        + ("" if one.diversity is None else f",diversity={one.diversity!r}")
        for one in said
    ]
    assert module._read_all(texts) == tuple(said)
