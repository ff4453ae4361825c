"""What people see who follow the unsubscribe link of an email: one page, one button.

It loads nothing and runs nothing. The form has no address, so it goes to that of the page: the token in there
is not repeated, and no referrer carries it away. Nothing that was sent appears on it.
"""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum

import flask
import msgspec

from functions.responses import SECURITY_HEADERS, Failure

CONTENT_TYPE = "text/html; charset=utf-8"


class Action(StrEnum):
    """What a button asks for: the form's field `action`."""

    UNSUBSCRIBE = "unsubscribe"
    UNDO = "undo"


class Page(msgspec.Struct, frozen=True):
    """Plain text; `button` is what stands on it and what it asks for, None for no button. `quiet` is one that
    few people want."""

    title: str
    text: str
    button: tuple[str, Action] | None = None
    quiet: bool = False


ASK = Page(
    "Unsubscribe?",
    "You will get no more of these emails. It takes effect at once.",
    ("Unsubscribe", Action.UNSUBSCRIBE),
)
UNSUBSCRIBED = Page(
    "You are unsubscribed",
    "You will get no more of these emails. Pressed it by mistake?",
    ("Undo", Action.UNDO),
    quiet=True,
)
SUBSCRIBED = Page(
    "You are subscribed again",
    "The emails keep coming, as before.",
    ("Unsubscribe", Action.UNSUBSCRIBE),
    quiet=True,
)

_BAD_LINK = Page(
    "This link does not work",
    "It may have been cut off on its way. Please open it from the email again, or use that of a newer email.",
)
_REFUSALS = {
    "token_missing": _BAD_LINK,
    "token_invalid": _BAD_LINK,
    "token_expired": Page(
        "This link has expired", "The email is more than a year old. Please use the link in a newer email."
    ),
    "not_taken_back": Page(
        "You are still unsubscribed",
        "This link takes back only what it has done itself, and for a day. If you would like our emails "
        "again, please subscribe in our shop.",
    ),
    "too_many_requests": Page(
        "One moment, please", "This link was used many times just now. Please try again in a minute."
    ),
    "store_unavailable": Page(
        "That did not work",
        "We could not save your choice just now, and we are sorry. Please try again.",
        ("Unsubscribe", Action.UNSUBSCRIBE),
    ),
}
_UNREADABLE = Page(
    "That did not work",
    "Your browser sent something that we cannot read. Please try again.",
    ("Unsubscribe", Action.UNSUBSCRIBE),
)


def show(page: Page, status: int = 200) -> flask.Response:
    """The page as an answer."""
    response = flask.Response(_html(page), status=status, content_type=CONTENT_TYPE)
    response.headers.update(SECURITY_HEADERS)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def show_failure(failure: Failure, wanted: Action) -> flask.Response:
    """The page for an answer that is an error; `wanted` is what did not work and can be tried again."""
    page = _REFUSALS.get(failure.code, _UNREADABLE)
    if page.button is not None and wanted is Action.UNDO:
        page = msgspec.structs.replace(page, button=("Undo", Action.UNDO))
    response = show(page, failure.status)
    response.headers.update(failure.headers)
    return response


# Colours: AA contrast (WCAG 2.2, 1.4.3) in both schemes, 1.4.11 for the button's edge.
_STYLE = """
:root{color-scheme:light dark;--canvas:#f3f1ec;--paper:#fff;--ink:#1d2320;--muted:#5d635e;--line:#e6e2da;
--accent:#23523f;--on-accent:#fff;--edge:#7b827c}
@media (prefers-color-scheme:dark){:root{--canvas:#101311;--paper:#191d1b;--ink:#f0eee8;--muted:#a5aca6;
--line:#323834;--accent:#a9d3bd;--on-accent:#10231a;--edge:#7d867f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;display:grid;place-items:center;padding:1.25rem;
background:var(--canvas);color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:27rem;padding:2.25rem 2rem;background:var(--paper);border:1px solid var(--line);
border-radius:1rem}
h1{margin:0 0 .5rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;text-wrap:balance}
p{margin:0;color:var(--muted);text-wrap:pretty}
form{margin:1.75rem 0 0}
button{width:100%;min-height:3rem;padding:.7rem 1.25rem;border:1px solid var(--accent);border-radius:.6rem;
background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;cursor:pointer}
button.quiet{border-color:var(--edge);background:transparent;color:var(--ink)}
button:hover{filter:brightness(1.08)}
button.quiet:hover{filter:none;background:var(--canvas)}
button:focus-visible{outline:3px solid var(--accent);outline-offset:3px}
@media (max-width:30rem){main{padding:1.75rem 1.25rem}}
@media (forced-colors:active){button{border-color:ButtonText}}
"""

_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_FORM = """
<form method="post">
<input type="hidden" name="action" value="{action}">
<button{look}>{label}</button>
</form>"""

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>{form}
</main>
</body>
</html>
"""


def _html(page: Page) -> str:
    """All of it is text of this module, none of which has markup in it."""
    form = ""
    if page.button is not None:
        label, action = page.button
        form = _FORM.format(action=action, look=' class="quiet"' if page.quiet else "", label=label)
    return _DOCUMENT.format(title=page.title, text=page.text, style=_STYLE, form=form)
