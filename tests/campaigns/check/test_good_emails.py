"""An email with nothing wrong in it gives no finding; nor do our own templates."""

from __future__ import annotations

import msgspec
import pytest

from evermail.campaigns import Context, EmailRecipient, Renderer, Tokens
from evermail.campaigns.check import AmpValidator, Severity, check
from evermail.clock import Stopped
from evermail.tokens import Recipient, TokenSigner
from tests.campaigns.check.good_email import BRAND, KEYS, NOW_US, findings, good

RENDERER = Renderer()
TEMPLATES = RENDERER.templates()


def context(template: str) -> Context:
    """A template's own sample, with tokens that are signed, and sent now."""
    sample = RENDERER.sample_context(template)
    signer = TokenSigner(KEYS, clock=Stopped(sample.sent_at))
    signed = Tokens.signed(Recipient("k1.somebody", sample.campaign), signer)
    return msgspec.structs.replace(sample, recipient=EmailRecipient(signed, sample.recipient.first_name))


def test_the_good_email_gives_no_finding() -> None:
    assert findings(good()) == []


def test_the_official_validator_agrees(official_validator: AmpValidator) -> None:
    assert check(good(), now_us=NOW_US, brand=BRAND, token_keys=KEYS, validator=official_validator) == []


@pytest.mark.parametrize("layout", ["grid", "carousel"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_our_templates_give_no_finding(official_validator: AmpValidator, template: str, layout: str) -> None:
    filled = msgspec.structs.replace(context(template), layout=layout)
    found = check(
        RENDERER.render(template, filled),
        now_us=filled.sent_at,
        brand=filled.brand,
        token_keys=KEYS,
        validator=official_validator,
    )
    assert [one for one in found if one.severity is not Severity.HINT] == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_our_templates_pass_our_own_table(template: str) -> None:
    filled = context(template)
    found = check(RENDERER.render(template, filled), now_us=filled.sent_at, token_keys=KEYS)
    assert [one.code for one in found if one.severity is not Severity.HINT] == ["amp_not_validated"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_an_email_without_products_or_name_gives_no_finding(
    official_validator: AmpValidator, template: str
) -> None:
    filled = context(template)
    bare = msgspec.structs.replace(
        filled, items=[], recipient=msgspec.structs.replace(filled.recipient, first_name=None)
    )
    found = check(
        RENDERER.render(template, bare), now_us=bare.sent_at, token_keys=KEYS, validator=official_validator
    )
    assert [one for one in found if one.severity is Severity.ERROR] == []
