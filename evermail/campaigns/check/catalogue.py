"""All that can be found, and the page that lists it.

`python -m evermail.campaigns.check.catalogue > docs/check.md` writes it anew.
"""

from __future__ import annotations

import re
from types import ModuleType

from evermail.campaigns.check import (
    accessibility,
    amp_styles,
    amp_table,
    contrast,
    domain,
    emails,
    endpoint,
    headers,
    images,
    inbox_line,
    links,
    merge_tags,
    mime,
    official,
    present,
    sizes,
    token_life,
    unsubscribing,
)
from evermail.campaigns.check.finding import Kind

CHAPTERS: dict[str, tuple[ModuleType, ...]] = {
    "The AMP part": (official, amp_table, amp_styles, sizes),
    "What each recipient gets": (present, merge_tags, emails, token_life),
    "Links and images": (links, unsubscribing, images),
    "Reading it": (inbox_line, contrast, accessibility),
    "The message": (mime, headers),
    "The live functions": (endpoint,),
    "The domain of the sender": (domain,),
}

INTRODUCTION = """\
# What `evermail campaign check` finds

```sh
evermail campaign check autumn/                        # what `evermail campaign build` wrote
evermail campaign check autumn/ --send-at 2026-11-27T09:00+01:00
evermail campaign check autumn/ --endpoint https://live.shop.example --sender hello@shop.example
evermail campaign check message.eml --json --strict    # for CI
evermail campaign check --install-validator            # once: the official AMP validator, which needs Node
```

An **error** keeps the email, or what it is to show, from some of its recipients; a **warning** makes it
worse than it should be; a **hint** is good to know. The exit code is 1 if there are errors (with `--strict`,
warnings too), 2 if the check was called wrongly, else 0.

What a mail service fills in is filled in for somebody made up, as that service would do it. With the
functions' `EVERMAIL_TOKEN_KEYS` in the environment, each token is tried at what it stands at. Without Node,
the AMP part is held against a table of common mistakes, and the check says so. Only with `--endpoint` are the
functions asked, seven small requests that change nothing; DNS is asked about the domain of the sender unless
you say `--no-dns`.
"""


def kinds() -> list[Kind]:
    """Each thing that can be found, in the order of the page."""
    return [kind for modules in CHAPTERS.values() for module in modules for kind in _of(module)]


def page() -> str:
    """docs/check.md."""
    lines = [INTRODUCTION]
    for title, modules in CHAPTERS.items():
        lines += [f"## {title}", "", "| code | | what it means | what to do |", "|---|---|---|---|"]
        for kind in (kind for module in modules for kind in _of(module)):
            cells = (f"`{kind.code}`", str(kind.severity), kind.meaning, kind.remedy)
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _of(module: ModuleType) -> list[Kind]:
    return [value for value in vars(module).values() if isinstance(value, Kind)]


def _cell(text: str) -> str:
    """A cell of a table in Markdown: what looks like an element is shown as it stands."""
    outside_code = re.sub(r"`[^`]*`|<", lambda found: "&lt;" if found[0] == "<" else found[0], text)
    return outside_code.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
