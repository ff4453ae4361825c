"""A replay keeps the order and the gaps of a file, at a steady rate and in the present."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from demo import replay
from demo.replay import ReplayError, read_rees46
from evermail import clock
from evermail.events import Event, from_fields

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"


def row(time: str, kind: str = "view", product: str = "p1", user: str = "u1", price: str = "9.90") -> str:
    return f"2019-10-01 {time} UTC,{kind},{product},77,home.kitchen.kettle,acme,{price},{user},s1\n"


def write(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "events.csv"
    path.write_text(header + "".join(rows), encoding="utf-8")
    return path


def test_gaps_are_divided_by_one_speed(tmp_path: Path) -> None:
    path = write(tmp_path, row("00:00:00"), row("00:00:10"), row("00:00:40"), row("00:02:00"))
    events, _ = read_rees46(path, rate=2)
    gaps = [b.event_offset_us - a.event_offset_us for a, b in pairwise(events)]
    # 120 s in the time that four events take at two a second: 60 times as fast
    assert gaps == pytest.approx([10e6 / 60, 30e6 / 60, 80e6 / 60], abs=2)


def test_publishing_is_steady(tmp_path: Path) -> None:
    path = write(tmp_path, row("00:00:00"), row("00:00:01"), row("00:59:00"), row("01:00:00"))
    events, _ = read_rees46(path, rate=10)
    assert [event.offset_us for event in events] == [0, 100_000, 200_000, 300_000]


def test_no_event_is_published_before_it_happened(tmp_path: Path) -> None:
    path = write(tmp_path, row("00:00:00"), row("00:50:00"), row("00:50:01"), row("01:00:00"))
    events, _ = read_rees46(path, rate=10)
    assert all(event.event_offset_us <= event.offset_us for event in events)
    assert max(event.event_offset_us - event.offset_us for event in events) == 0


def test_events_of_one_second_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, *(row("00:00:00", product=f"p{n}") for n in range(5)), row("00:00:01"))
    events, _ = read_rees46(path, rate=1)
    times = [event.event_offset_us for event in events]
    assert times == sorted(times)
    assert len(set(times)) == 6


def test_events_become_valid_ones(tmp_path: Path) -> None:
    path = write(tmp_path, row("00:00:00"), row("00:00:01", "cart"), row("00:00:02", "purchase"))
    events, _ = read_rees46(path, rate=1)
    now = clock.now_us()
    parsed = [from_fields({**e.fields, "event_time": clock.to_rfc3339(now)}, now) for e in events]
    assert all(isinstance(event, Event) for event in parsed)
    assert [event.event_name.value for event in parsed] == ["view_item", "add_to_cart", "purchase"]
    assert parsed[0].items[0].item_category == "home.kitchen.kettle"


def test_product_columns_make_the_catalog_and_the_last_price_holds(tmp_path: Path) -> None:
    path = write(tmp_path, row("00:00:00"), row("00:00:01", product="p2"), row("00:00:02", price="7.50"))
    _, range_ = read_rees46(path, rate=1)
    assert {product.id: product.price for product in range_} == {"p1": 7.5, "p2": 9.9}
    assert range_[0].title == "Acme kettle p1"


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([], HEADER, "no events"),
        ([row("00:00:00")], "a,b\n", "not in rees46 format, columns missing: category_id"),
        ([row("00:00:00"), row("25:00:00")], HEADER, "line 3"),
        ([row("00:00:00", "glance")], HEADER, "event_type 'glance'"),
        ([row("00:00:00", price="dear")], HEADER, "'dear'"),
        (["\n", "short\n"], HEADER, "line"),
    ],
)
def test_a_file_that_cannot_be_replayed_says_where_and_why(
    tmp_path: Path, rows: list[str], header: str, message: str
) -> None:
    with pytest.raises(ReplayError, match=message) as caught:
        read_rees46(write(tmp_path, *rows, header=header), rate=1)
    assert "events.csv" in str(caught.value)


def test_a_file_that_is_not_text_says_so(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReplayError, match=r"events\.csv"):
        read_rees46(path, rate=1)


def test_limit_takes_the_first_events(tmp_path: Path) -> None:
    path = write(tmp_path, *(row(f"00:00:0{n}") for n in range(9)))
    events, _ = read_rees46(path, rate=1, limit=4)
    assert len(events) == 4


def test_formats_are_listed() -> None:
    assert replay.FORMATS == ("rees46",)
