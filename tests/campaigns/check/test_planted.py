"""Each mistake that is planted in a good email is found, in its part and line, and nothing else is."""

from __future__ import annotations

import re

import msgspec
import pytest

from evermail.campaigns import Parts
from tests.campaigns.check.good_email import BRAND, codes, findings, good, line_of, planted

TAG = "</h1>"
"""In the AMP part, the end of a line of its own."""

CELL = "Picked for you</td>"
"""In the HTML part."""

PIXEL = 'width="1" height="1"'


@pytest.mark.parametrize(
    ("code", "part", "right", "wrong"),
    [
        ("merge_tag_left", "amp", TAG, "%recipient.first_name%</h1>"),
        ("merge_tag_left", "html", CELL, "*|FNAME|*</td>"),
        ("merge_tag_left", "html", CELL, "%%first_name%%</td>"),
        ("merge_tag_left", "text", "Picked", "[[first_name]] Picked"),
        ("merge_tag_left", "text", "Picked", "{% if x %}Picked"),
        ("merge_tag_left", "text", "Picked", "-evermail_slots-"),
        ("merge_tag_left", "amp", "{{title}}", "{{custom_attribute.${evermail_slots}}}"),
        ("merge_tag_left", "amp", "{{title}}", "{{opening_double_curly()}}title"),
        ("merge_tag_left", "html", CELL, "MERGE-first_name-MERGE</td>"),
        ("mustache_outside", "html", CELL, "{{first_name}}</td>"),
        ("mustache_outside", "text", "Picked", "{{first_name}}"),
        ("mustache_outside", "amp", TAG, "{{title}}</h1>"),
        ("link_empty", "html", "<td><a", '<td><a class="ink" href="#">More</a><a'),
        ("link_incomplete", "html", "<td><a", '<td><a class="ink" href="/p/1">More</a><a'),
        ("link_broken", "html", "<td><a", '<td><a class="ink" href="https://[shop.example/">More</a><a'),
        ("link_broken", "html", "<td><a", '<td><a class="ink" href="https://shop.example/a b">More</a><a'),
        ("link_unsafe", "html", "<td><a", '<td><a class="ink" href="javascript:alert(1)">More</a><a'),
        ("link_local", "html", "<td><a", '<td><a class="ink" href="https://localhost:8080/">More</a><a'),
        ("link_local", "html", "<td><a", '<td><a class="ink" href="http://192.168.1.7/">More</a><a'),
        ("link_local", "text", "Stoneware mug:", "Stoneware mug: http://shop.internal/ or"),
        ("link_local", "amp", "<div fallback>", '<div fallback><a href="https://intranet/">More</a>'),
        ("link_not_https", "html", "<td><a", '<td><a class="ink" href="http://shop.example/">More</a><a'),
        ("image_without_alt", "html", "<td><a", f"<td><img {PIXEL} src='https://x.example/a.png'><a"),
        ("image_without_alt", "amp", "<h1>", f"<amp-img {PIXEL} src='https://x.example/a.png'></amp-img><h1>"),
        ("image_not_shown", "html", "<td><a", f"<td><img {PIXEL} alt='' src='data:image/png;base64,AA'><a"),
        ("image_not_shown", "html", "<td><a", f"<td><img {PIXEL} alt='' src='https://x.example/a.svg'><a"),
        ("image_not_https", "html", "<td><a", f"<td><img {PIXEL} alt='' src='http://x.example/a.png'><a"),
        ("image_without_size", "html", ' height="400"', ""),
        ("image_without_size", "html", ' width="320"', ""),
        ("text_contrast", "html", "color:#1d2320;", "color:#cccccc;"),
        ("text_contrast", "amp", "color:#1d2320}", "color:#cccccc}"),
        ("text_contrast", "html", ".ink{color:#f0eee8", ".ink{color:#222222"),
        ("language_missing", "html", ' lang="en"', ""),
        ("language_missing", "amp", ' lang="en"', ""),
        ("title_missing", "html", "Picked for you</title>", "</title>"),
        ("table_without_role", "html", ' role="presentation"', ""),
        ("link_without_text", "amp", "<div fallback>", '<div fallback><a href="https://shop.example/"></a>'),
        ("field_without_label", "amp", '<input type="s', '<input type="email" name="x"><input type="s'),
        ("inline_style_too_large", "amp", "<h1>", f'<h1 style="{"color:#1d2320;" * 80}">'),
        ("amp_too_wide", "amp", 'width="144"', 'width="801"'),
        ("token_missing", "amp", "/wishlist?t=", "/wishlist?x="),
        ("preheader_missing", "html", "Mugs, kettles and lamps", ""),
        ("preheader_long", "html", "Mugs, kettles and lamps", "Mugs and kettles " * 10),
        ("subject_long", "subject", "Mara", "Mara " * 15),
        ("subject_too_long", "subject", "Mara", "Mara " * 35),
    ],
)  # fmt: skip
def test_a_planted_mistake_is_found(code: str, part: str, right: str, wrong: str) -> None:
    parts = planted(part, right, wrong)
    found = findings(parts)
    assert codes(found) == {code}
    assert {one.part for one in found} == {part}
    assert all(one.line <= getattr(parts, part).count("\n") + 1 for one in found)
    assert all(one.what and one.remedy for one in found)


@pytest.mark.parametrize("part", ["html", "amp", "text"])
def test_the_line_is_where_the_mistake_stands(part: str) -> None:
    parts = planted(part, "Alder" if part != "text" else "Unsubscribe:", "*|NAME|* Unsubscribe:")
    (found,) = findings(parts)
    assert found.line == line_of(getattr(parts, part), "*|NAME|*")


@pytest.mark.parametrize("part", ["subject", "text", "amp", "html"])
def test_a_part_that_is_missing_is_found(part: str) -> None:
    found = findings(msgspec.structs.replace(good(), **{part: ""}))
    assert [(one.code, one.part) for one in found] == [("part_missing", part)]


def test_a_list_without_variables_is_found() -> None:
    amp = good().amp
    for name in ("url", "image", "title", "item_id"):
        amp = amp.replace("{{" + name + "}}", "https://shop.example/x" if name != "title" else "x")
    found = findings(msgspec.structs.replace(good(), amp=amp))
    assert codes(found) == {"mustache_lost"}


@pytest.mark.parametrize("part", ["amp", "html", "text"])
def test_a_part_without_a_way_to_leave_is_found(part: str) -> None:
    text: str = getattr(good(), part)
    wrong = re.sub(r"/unsubscribe\?t=[\w.-]+", "/imprint", text.replace("Unsubscribe", "Imprint"))
    found = findings(msgspec.structs.replace(good(), **{part: wrong}))
    assert [(one.code, one.part) for one in found] == [("unsubscribe_missing", part)]


@pytest.mark.parametrize("part", ["amp", "html"])
@pytest.mark.parametrize("how", ['style="display:none"', 'class="gone"', "hidden"])
def test_a_way_to_leave_that_nobody_sees_is_found(part: str, how: str) -> None:
    text: str = getattr(good(), part)
    before, after = text[: text.rindex("<a ")], text[text.rindex("<a ") :]
    sheet = text.index("</style>\n</head>")
    wrong = before[:sheet] + ".gone{display:none}" + before[sheet:] + f"<div {how}>" + after
    found = findings(msgspec.structs.replace(good(), **{part: wrong}))
    assert [(one.code, one.part) for one in found] == [("unsubscribe_missing", part)]


def test_sizes_are_counted_in_bytes() -> None:
    def with_text(characters: int) -> Parts:
        return msgspec.structs.replace(good(), amp=good().amp.replace(TAG, "é" * characters + TAG))

    assert codes(findings(with_text(48_000))) == set()
    assert codes(findings(with_text(50_000))) == {"amp_large"}
    assert codes(findings(with_text(100_000))) == {"amp_too_large"}


def test_styles_count_with_those_of_elements() -> None:
    def with_styles(size: int) -> Parts:
        return planted("amp", "</style>\n</head>", f".x{{color:#{'0' * size}}}</style>\n</head>")

    assert codes(findings(with_styles(49_000))) == set()
    assert codes(findings(with_styles(51_000))) == {"styles_large"}
    assert codes(findings(with_styles(76_000))) == {"styles_too_large"}


def test_html_is_clipped_beyond_102_kb() -> None:
    def with_text(size: int) -> Parts:
        return planted("html", CELL, "x" * size + CELL)

    assert codes(findings(with_text(100_000))) == set()
    assert codes(findings(with_text(104_448))) == {"html_clipped"}


def test_more_forms_than_are_shown_are_found() -> None:
    form = '<form method="post" action-xhr="https://live.shop.example/x"></form>'
    found = findings(planted("amp", TAG, TAG + form * 20))
    assert codes(found) == {"amp_elements"}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colours_of_the_brand_are_found_in_both_modes(mode: str) -> None:
    palette = msgspec.structs.replace(getattr(BRAND, mode), muted=getattr(BRAND, mode).paper)
    found = findings(good(), brand=msgspec.structs.replace(BRAND, **{mode: palette}))
    assert codes(found) == {"brand_contrast"}
    assert all(mode in one.what for one in found)
