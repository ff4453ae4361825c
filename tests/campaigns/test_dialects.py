"""What each mail service makes of an email that was built for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.campaigns import Renderer
from evermail.campaigns.building import dialect_parts, merged_parts
from evermail.campaigns.context import Context
from evermail.campaigns.dialects import DIALECTS, Dialect, MergeFailed
from evermail.campaigns.dialects.mustache import each_tag
from evermail.campaigns.merge import Field, any_item, everybody, marker

RENDERER = Renderer()
TEMPLATES = RENDERER.templates()
VALUES: Mapping[Field, str] = {
    Field.RECOMMENDATIONS: "WyJrMS5h.aSPKMA.cmVj-_",
    Field.SLOTS: "WyJrMS5h.aSPKMA.c2xv-_",
    Field.ACTIONS: "WyJrMS5h.aSPKMA.YWN0-_",
    Field.UNSUBSCRIBE: "WyJrMS5h.aSPKMA.dW5z-_",
    Field.FIRST_NAME: "Mara",
    Field.ITEM_TITLE: "Oak reading lamp",
    Field.ITEM_PRICE: "€129.00",
    Field.ITEM_IMAGE: "https://shop.example/images/LAMP-03.png",
    Field.ITEM_URL: "https://shop.example/p/LAMP-03",
}
MERGING = [dialect for dialect in DIALECTS.values() if not dialect.needs_rendering_per_recipient]
ESCAPING = [d for d in DIALECTS.values() if d.name not in ("sendgrid", "mailgun", "salesforce")]
INTERPRETING = [dialect for dialect in MERGING if dialect.protect_amp("{{title}}") != "{{title}}"]


def for_all(template: str) -> Context:
    sample = RENDERER.sample_context(template)
    about = [any_item()] if sample.about else []
    return msgspec.structs.replace(sample, recipient=everybody(first_name=True), about=about)


def mustache(amp: str) -> list[str]:
    found: list[str] = []
    each_tag(amp, lambda tag: found.append(tag) or tag)  # type: ignore[func-returns-value]
    return found


def ids(dialect: Dialect) -> str:
    return dialect.name


def test_all_ten_services_of_the_kit_are_there_under_their_names() -> None:
    services = "smtp ses sendgrid mailgun sparkpost braze salesforce klaviyo customerio iterable"
    assert " ".join(DIALECTS) == services


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=ids)
class TestEveryTemplate:
    def test_has_no_marker_left_and_every_field_filled_in_after_the_merge(
        self, template: str, dialect: Dialect
    ) -> None:
        plain = RENDERER.render(template, for_all(template))
        merged = merged_parts(dialect_parts(template, for_all(template), dialect), dialect, VALUES)
        for part in msgspec.structs.asdict(plain):
            before, after = getattr(plain, part), getattr(merged, part)
            assert "MERGE-" not in after
            for field in Field:
                count = before.count(f"MERGE-{field}-MERGE")
                assert after.count(VALUES[field]) >= count, f"{field} is missing from {part}"

    def test_keeps_the_mustache_of_its_amp_part_to_the_last_tag(
        self, template: str, dialect: Dialect
    ) -> None:
        plain = RENDERER.render(template, for_all(template))
        merged = merged_parts(dialect_parts(template, for_all(template), dialect), dialect, VALUES)
        assert mustache(plain.amp), "a template without mustache shows nothing here"
        assert mustache(merged.amp) == mustache(plain.amp)

    def test_is_the_same_as_if_it_had_been_rendered_for_the_recipient(
        self, template: str, dialect: Dialect
    ) -> None:
        plain = RENDERER.render(template, for_all(template))
        merged = merged_parts(dialect_parts(template, for_all(template), dialect), dialect, VALUES)
        expected = plain.html
        for field, value in VALUES.items():
            expected = expected.replace(marker(field), value)
        assert merged.html == expected


@pytest.mark.parametrize("dialect", INTERPRETING, ids=ids)
def test_without_protection_a_service_that_has_braces_for_tags_breaks_the_amp_part(dialect: Dialect) -> None:
    amp = RENDERER.render(TEMPLATES[0], for_all(TEMPLATES[0])).amp
    try:
        left = mustache(dialect.merged(amp, VALUES, html=True))
    except MergeFailed:
        return  # sections of mustache are errors in some languages
    assert left == []


def test_services_that_replace_tags_only_leave_braces_alone() -> None:
    left_alone = {dialect.name for dialect in MERGING if dialect not in INTERPRETING}
    assert left_alone == {"sendgrid", "mailgun"}


@pytest.mark.parametrize("dialect", ESCAPING, ids=ids)
def test_markup_in_a_name_stays_text_where_the_service_can_escape(dialect: Dialect) -> None:
    values = {Field.FIRST_NAME: "<b>Mara</b> & Co"}
    tag = dialect.tag(Field.FIRST_NAME, html=True)
    assert dialect.merged(f"<p>{tag}</p>", values, html=True) == "<p>&lt;b&gt;Mara&lt;/b&gt; &amp; Co</p>"
    assert dialect.merged(dialect.tag(Field.FIRST_NAME), values) == "<b>Mara</b> & Co"


@pytest.mark.parametrize("dialect", INTERPRETING, ids=ids)
@pytest.mark.parametrize("tag", ["{{title}}", "{{#was}}", "{{/was}}", "{{^was}}", "{{.}}", "{{ a.b }}"])
def test_each_kind_of_mustache_survives(dialect: Dialect, tag: str) -> None:
    assert dialect.merged(dialect.protect_amp(tag), VALUES, html=True).endswith(tag)


NO_BRACES = st.text(st.characters(exclude_characters="{}%\\-", exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize("dialect", MERGING, ids=ids)
@given(texts=st.lists(NO_BRACES, min_size=3, max_size=3))
def test_what_is_between_tags_passes_unchanged(dialect: Dialect, texts: list[str]) -> None:
    before, between, after = texts
    protected = dialect.protect_amp(f"{before}{{{{title}}}}{between}{marker(Field.SLOTS)}{after}")
    part = protected.replace(marker(Field.SLOTS), dialect.tag(Field.SLOTS, html=True))
    merged = dialect.merged(part, VALUES, html=True)
    assert merged.endswith(f"{before}{{{{title}}}}{between}{VALUES[Field.SLOTS]}{after}")


@pytest.mark.parametrize("dialect", MERGING, ids=ids)
def test_tags_differ_and_stand_in_urls_without_being_encoded(dialect: Dialect) -> None:
    tags = [dialect.tag(field) for field in Field]
    assert len(set(tags)) == len(Field)
    url = f"https://live.example/recommendations?t={dialect.tag(Field.SLOTS, html=True)}&amp;n=4"
    merged = dialect.merged(url, VALUES, html=True)
    assert merged == f"https://live.example/recommendations?t={VALUES[Field.SLOTS]}&amp;n=4"


class TestLanguages:
    def test_what_liquid_does_not_know_becomes_nothing(self) -> None:
        assert DIALECTS["braze"].merged("a {{title}} {{#was}} z", VALUES) == "a   z"

    def test_liquid_refuses_tags_and_filters_that_it_does_not_have(self) -> None:
        for wrong in ("{% verbatim %}", "{{ ${first_name} | shout }}"):
            with pytest.raises(MergeFailed):
                DIALECTS["braze"].merged(wrong, VALUES)

    def test_braze_tells_its_own_attributes_from_custom_ones(self) -> None:
        braze = DIALECTS["braze"]
        assert braze.merged("{{${first_name}}}", VALUES) == "Mara"
        assert braze.merged("{{custom_attribute.${first_name}}}", VALUES) == ""
        assert braze.merged("{{${evermail_slots}}}", VALUES) == ""

    def test_customer_io_refuses_to_send_where_an_attribute_is_missing(self) -> None:
        with pytest.raises(MergeFailed, match="first_name"):
            DIALECTS["customerio"].merged("{{customer.first_name}}", {})

    def test_sparkpost_refuses_sections_of_mustache(self) -> None:
        with pytest.raises(MergeFailed, match="#was"):
            DIALECTS["sparkpost"].merged("{{#was}}", VALUES)

    def test_handlebars_leaves_out_sections_of_what_it_does_not_know(self) -> None:
        iterable = DIALECTS["iterable"]
        assert iterable.merged("a{{#was}}b{{/was}}{{^was}}c{{/was}}d", VALUES) == "acd"
        assert iterable.merged("{{#first_name}}b{{/first_name}}", VALUES) == "b"
        for wrong in ("{{#was}}", "{{/was}}", "{{#a}}{{/b}}"):
            with pytest.raises(MergeFailed):
                iterable.merged(wrong, VALUES)

    def test_salesforce_blanks_columns_that_are_not_there(self) -> None:
        assert DIALECTS["salesforce"].merged("Hi %%nickname%%!", VALUES) == "Hi !"

    def test_salesforce_looks_for_other_braces_only_below_the_line_that_says_so(self) -> None:
        salesforce = DIALECTS["salesforce"]
        assert salesforce.merged("{{title}}", VALUES) == ""
        protected = salesforce.protect_amp("{{title}}")
        assert re.fullmatch(r"<!-- +-->\n\{\{title\}\}", salesforce.merged(protected, VALUES))

    def test_unknown_tags_stay_to_be_seen_where_services_only_replace(self) -> None:
        assert DIALECTS["mailgun"].merged("%recipient.nickname%", VALUES) == "%recipient.nickname%"
        assert DIALECTS["sendgrid"].merged("-nickname-", VALUES) == "-nickname-"
