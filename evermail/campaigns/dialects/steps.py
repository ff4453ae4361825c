"""Steps that several services have in common."""

from __future__ import annotations

from collections.abc import Sequence

from evermail.campaigns.merge import ITEM_FIELDS, TOKEN_FIELDS, Field


def columns(campaign: str, fields: Sequence[Field]) -> str:
    """How the columns come about that a service is to merge."""
    made = (
        f"Make the tokens: `evermail campaign tokens --audience audience.csv --campaign {campaign} --out "
        f"upload.csv` adds the "
    )
    made += "columns " + _listed([field for field in fields if field in TOKEN_FIELDS]) + "."
    own = [field for field in fields if field not in TOKEN_FIELDS]
    if own:
        made += f" The audience must bring {_listed(own)}"
        made += ", of the product that the email is about" if set(own) & set(ITEM_FIELDS) else ""
        made += "; nobody's may be empty."
    return made


def recipients(number: int, where: str) -> str:
    """How the recipients get into the calls of an API that are made here."""
    return (
        "Build with `--recipients audience.csv`: tokens are made on the way, and `payload.json`, or "
        "several of "
        f"{number:,} recipients each, are whole calls. Without, it has one made-up recipient in {where}: "
        f"take that "
        "as the example for what your own program puts there."
    )


def one_click(url: str) -> str:
    """What to set where the service lets an email have headers of its own."""
    return (
        f"Set two headers of the email: `List-Unsubscribe: <{url}>` and "
        "`List-Unsubscribe-Post: List-Unsubscribe=One-Click`. Where the service insists on its own, people "
        "leave in two places, there and by the link in the email: bring the lists together before a campaign."
    )


def _listed(fields: Sequence[Field]) -> str:
    return ", ".join(f"`{field}`" for field in fields)
