"""Every template, built for every mail service, is a valid AMP email once the service has merged it."""

from __future__ import annotations

import re
from typing import Literal, Protocol

import msgspec
import pytest

from evermail.campaigns import Renderer
from evermail.campaigns.building import dialect_parts, merged_parts
from evermail.campaigns.dialects import DIALECTS
from evermail.campaigns.merge import Field, any_item, everybody

MAX_AMP_BYTES = 100_000
MAX_CSS_BYTES = 50_000

RENDERER = Renderer()
TOKEN = "WyJrMS5hLXNhbXBsZS1zaG9wcGVyIiwiYXV0dW1uIl0.aSPKMA.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
VALUES = {
    Field.RECOMMENDATIONS: TOKEN,
    Field.SLOTS: TOKEN,
    Field.ACTIONS: TOKEN,
    Field.UNSUBSCRIBE: TOKEN,
    Field.FIRST_NAME: "Zoë O’Neil",
    Field.ITEM_TITLE: "Oak & brass reading lamp",
    Field.ITEM_PRICE: "€129.00",
    Field.ITEM_IMAGE: "https://shop.example/images/LAMP-03.png?w=640&h=800",
    Field.ITEM_URL: "https://shop.example/p/LAMP-03?colour=oak&size=2",
}


class Validator(Protocol):
    def errors(self, document: str) -> list[str]: ...


@pytest.mark.parametrize("layout", ["grid", "carousel"])
@pytest.mark.parametrize("template", RENDERER.templates())
@pytest.mark.parametrize("service", DIALECTS)
def test_a_merged_email_passes_and_keeps_its_sizes(
    amp_validator: Validator, service: str, template: str, layout: Literal["grid", "carousel"]
) -> None:
    sample = RENDERER.sample_context(template)
    about = [any_item()] if sample.about else []
    context = msgspec.structs.replace(
        sample, recipient=everybody(first_name=True), about=about, layout=layout
    )
    dialect = DIALECTS[service]
    parts = dialect_parts(template, context, dialect, RENDERER)
    merged = merged_parts(parts, dialect, VALUES)
    assert amp_validator.errors(merged.amp) == []
    assert len(parts.amp.encode()) < MAX_AMP_BYTES
    assert len(merged.amp.encode()) < MAX_AMP_BYTES
    styles = re.findall(r"<style[^>]*>(.*?)</style>", merged.amp, re.DOTALL)
    assert 0 < sum(len(style.encode()) for style in styles) < MAX_CSS_BYTES
