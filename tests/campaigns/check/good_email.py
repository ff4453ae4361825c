"""A small email with nothing wrong in it, for mistakes to be planted in."""

from __future__ import annotations

from typing import Any

from evermail import clock
from evermail.campaigns import Brand, Parts, Tokens
from evermail.campaigns.check import Finding, check
from evermail.campaigns.check.amp_validator import AmpValidator, Complaint
from evermail.tokens import Recipient, TokenSigner

NOW_US = clock.from_rfc3339("2026-11-24T09:00:00Z")
KEYS = ("a-key-for-tests-of-check",)
LIVE = "https://live.shop.example"
BRAND = Brand(name="Alder & Pine", shop_url="https://shop.example", address="1 Mill Lane, Leeds")


def tokens(*, keys: tuple[str, ...] = KEYS, made_at_us: int = NOW_US) -> Tokens:
    """Of somebody, made at a time."""
    return Tokens.signed(
        Recipient("k1.somebody", "autumn"), TokenSigner(keys, clock=clock.Stopped(made_at_us))
    )


AMP = """\
<!doctype html>
<html ⚡4email data-css-strict lang="en">
<head>
<meta charset="utf-8">
<script async src="https://cdn.ampproject.org/v0.js"></script>
<script async custom-element="amp-list" src="https://cdn.ampproject.org/v0/amp-list-0.1.js"></script>
<script async custom-element="amp-form" src="https://cdn.ampproject.org/v0/amp-form-0.1.js"></script>
<script async custom-template="amp-mustache" src="https://cdn.ampproject.org/v0/amp-mustache-0.2.js"></script>
<style amp4email-boilerplate>body{visibility:hidden}</style>
<style amp-custom>
body{background-color:#ffffff;color:#1d2320}
.muted{color:#626862}
.muted a{color:#626862}
a{color:#23523f}
</style>
</head>
<body>
<h1>Picked for you</h1>
<amp-list layout="fixed-height" width="auto" height="300" items="items"
 src="{live}/recommendations?t={recommendations}&amp;n=4">
<template type="amp-mustache">
<a href="{{url}}"><amp-img src="{{image}}" alt="{{title}}" width="144" height="144"></amp-img></a>
<p>{{title}}</p>
<form method="post" action-xhr="{live}/wishlist?t={actions}">
<input type="hidden" name="item_id" value="{{item_id}}"><input type="submit" value="Save">
</form>
</template>
<div placeholder>Loading</div>
<div fallback><a href="{live}/slot_click?t={slots}&amp;i=MUG-01">Stoneware mug</a></div>
</amp-list>
<p class="muted">Alder &amp; Pine <a href="{live}/unsubscribe?t={unsubscribe}">Unsubscribe</a></p>
</body>
</html>
"""

HTML = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Picked for you</title>
<style>
@media (prefers-color-scheme:dark){
.paper{background-color:#191d1b!important}
.ink{color:#f0eee8!important}
}
</style>
</head>
<body class="paper" style="margin:0;background-color:#ffffff;">
<div style="display:none;">Mugs, kettles and lamps&#8199;&#65279;&#847;</div>
<table role="presentation" width="100%" class="paper" bgcolor="#ffffff">
<tr><td class="ink" style="color:#1d2320;">Picked for you</td></tr>
<tr><td><a class="ink" style="color:#23523f;" href="{live}/slot_click?t={slots}&amp;n=1">
<img src="{live}/slot_image?t={slots}&amp;n=1" alt="Your first pick" width="320" height="400"></a></td></tr>
<tr><td class="ink" style="color:#626862;">Alder &amp; Pine
<a class="ink" style="color:#626862;" href="{live}/unsubscribe?t={unsubscribe}">Unsubscribe</a></td></tr>
</table>
</body>
</html>
"""

TEXT = """\
Picked for you

Stoneware mug: {live}/slot_click?t={slots}&i=MUG-01

Unsubscribe: {live}/unsubscribe?t={unsubscribe}
"""


def good(signed: Tokens | None = None) -> Parts:
    """The email, with these tokens in it."""
    signed = signed or tokens()
    filled = {
        "{live}": LIVE,
        "{recommendations}": signed.recommendations,
        "{slots}": signed.slots,
        "{actions}": signed.actions,
        "{unsubscribe}": signed.unsubscribe,
    }
    parts = {"amp": AMP, "html": HTML, "text": TEXT}
    for name, text in parts.items():
        for field, value in filled.items():
            text = text.replace(field, value)
        parts[name] = text
    return Parts(subject="Mara, picked for you", **parts)


def planted(part: str, right: str, wrong: str) -> Parts:
    """The email with a mistake in one part, in the place of the first `right`."""
    parts = {name: getattr(good(), name) for name in ("subject", "text", "amp", "html")}
    assert right in parts[part]
    parts[part] = parts[part].replace(right, wrong, 1)
    return Parts(**parts)


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


class Passing(AmpValidator):
    """Stands in for a validator that finds nothing, where a test is about something else."""

    def complaints(self, document: str) -> list[Complaint]:
        return []


def findings(parts: Parts, **changes: Any) -> list[Finding]:
    arguments: dict[str, Any] = {"now_us": NOW_US, "brand": BRAND, "token_keys": KEYS, "validator": Passing()}
    return check(parts, **arguments | changes)


def codes(found: list[Finding]) -> set[str]:
    return {finding.code for finding in found}
