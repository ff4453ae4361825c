"""Whether people see an element, as far as its own style says."""

from __future__ import annotations

from evermail.campaigns.check.document import Element
from evermail.campaigns.check.stylesheet import declarations


def is_hidden(element: Element) -> bool:
    """Whether an element hides itself and all that is in it, by its attributes."""
    if "hidden" in element.attributes:
        return True
    return hides({one.name: one.value for one in declarations(element.attributes.get("style", ""))})


def hides(style: dict[str, str]) -> bool:
    """Whether the values of an element's properties hide it."""
    value = {name: text.strip().lower() for name, text in style.items()}
    return (
        value.get("display") == "none"
        or value.get("visibility") in ("hidden", "collapse")
        or value.get("opacity") in ("0", "0.0", "0%")
        or value.get("font-size") in ("0", "0px")
    )


def is_seen(element: Element) -> bool:
    """Whether neither the element nor what it is in hides itself."""
    return not is_hidden(element) and not any(is_hidden(ancestor) for ancestor in element.ancestors())
