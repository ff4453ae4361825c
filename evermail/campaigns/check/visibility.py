"""Whether people see an element, as far as its styles say."""

from __future__ import annotations

from evermail.campaigns.check.document import Document, Element
from evermail.campaigns.check.stylesheet import Cascade


class Visibility:
    """What of a document is hidden, by attributes, inline styles or rules that hold at any width and mode."""

    def __init__(self, document: Document) -> None:
        self._cascade = Cascade(document, lambda media: not media)
        self._hidden: dict[int, bool] = {}

    def hides_itself(self, element: Element) -> bool:
        """Whether an element hides itself, and with it all that is in it."""
        if id(element) not in self._hidden:
            hidden = "hidden" in element.attributes or hides(self._cascade.of(element))
            self._hidden[id(element)] = hidden
        return self._hidden[id(element)]

    def is_seen(self, element: Element) -> bool:
        """Whether neither the element nor what it is in hides itself."""
        return not any(self.hides_itself(one) for one in (element, *element.ancestors()))


def hides(style: dict[str, str]) -> bool:
    """Whether the values of an element's properties hide it."""
    value = {name: text.strip().lower() for name, text in style.items()}
    return (
        value.get("display") == "none"
        or value.get("visibility") in ("hidden", "collapse")
        or value.get("opacity") in ("0", "0.0", "0%")
        or value.get("font-size") in ("0", "0px")
    )
