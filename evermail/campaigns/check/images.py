"""Whether images are shown, and what stands in their place where they are not."""

from __future__ import annotations

from collections.abc import Iterator

from evermail.campaigns.check.document import Element
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, error, warning
from evermail.campaigns.check.stylesheet import declarations

IMAGE_WITHOUT_ALT = warning(
    "image_without_alt",
    "An image has no alternative text: with images off, and to a screen reader, there is nothing.",
    'Write what it shows into alt="…", or alt="" if it is only decoration.',
)
IMAGE_NOT_SHOWN = error(
    "image_not_shown",
    "An image of a kind that mail programs do not show.",
    "Upload it as a PNG, JPEG or GIF, and put in its address, beginning with https://.",
)
IMAGE_NOT_HTTPS = warning(
    "image_not_https",
    "An image whose address begins with http: many mail programs do not load it.",
    "Let the address begin with https://.",
)
IMAGE_WITHOUT_SIZE = warning(
    "image_without_size",
    "An image says nothing of its size: Outlook shows it as large as the file is, and texts jump.",
    "Give it width and height in pixels; or width alone, with height:auto in its style.",
)


def find(draft: Draft) -> Iterator[Finding]:
    for part, document in draft.documents():
        for image in document.find("img", "amp-img", "amp-anim"):
            shown = brief(image.attributes.get("src", "")) or "without an address"
            if "alt" not in image.attributes and image.attributes.get("role") != "presentation":
                yield IMAGE_WITHOUT_ALT.at(part, image.line, f"the image {shown} has no alt")
            if part == "html":
                yield from _in_html(image, shown)


def _in_html(image: Element, shown: str) -> Iterator[Finding]:
    source = image.attributes.get("src", "").strip().lower()
    if not source or source.startswith("data:") or source.split("?")[0].endswith((".svg", ".svgz")):
        yield IMAGE_NOT_SHOWN.at("html", image.line, f"the image is {shown}")
    elif source.startswith("http:"):
        yield IMAGE_NOT_HTTPS.at("html", image.line, f"the image is {shown}")
    styled = {one.name for one in declarations(image.attributes.get("style", ""))}
    if "width" not in image.attributes or not ({"height"} & (image.attributes.keys() | styled)):
        yield IMAGE_WITHOUT_SIZE.at("html", image.line, f"the image {shown} has no width, or no height")
