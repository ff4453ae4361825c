"""What a screen reader needs to read an email to somebody.

Contrast, and alternative texts, are looked at elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from evermail.campaigns.check.document import Element
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, warning
from evermail.campaigns.check.visibility import Visibility

LANGUAGE_MISSING = warning(
    "language_missing",
    "A part does not say which language it is in: screen readers pronounce it in their own.",
    'Write the language into the first element: <html lang="en">.',
)
TITLE_MISSING = warning(
    "title_missing",
    "The HTML part has no title, which screen readers say first.",
    "Put a <title> with the subject, or something like it, into its head.",
)
TABLE_WITHOUT_ROLE = warning(
    "table_without_role",
    "A table for the layout does not say that it is one: screen readers read out its rows and columns.",
    'Write role="presentation" into the table; one of data has headings, <th>, instead.',
)
LINK_WITHOUT_TEXT = warning(
    "link_without_text",
    "A link has no words: screen readers spell out its address, and with images off nothing can be pressed.",
    "Put words into it, or give its image an alt that says where the link leads.",
)
FIELD_WITHOUT_LABEL = warning(
    "field_without_label",
    "A field of a form does not say what to put into it.",
    'Give it a <label>, or an aria-label="…".',
)

_FIELDS = frozenset(("text", "email", "search", "tel", "url", "number", "date", "radio", "checkbox", ""))


def find(draft: Draft) -> Iterator[Finding]:
    for part, document in draft.documents():
        root = document.first("html")
        if root is None or not root.attributes.get("lang", "").strip():
            yield LANGUAGE_MISSING.at(part, root.line if root else 1, "there is no language on <html>")
        if part == "html" and not any(one.source.strip() for one in document.find("title")):
            yield TITLE_MISSING.at(part, 1, "there is no title")
        visibility = Visibility(document)
        labels = {one.attributes.get("for", "") for one in document.find("label")}
        for element in document.find("table", "a", "input", "textarea", "select"):
            if element.tag == "table":
                if not _says_what_it_is(element):
                    yield TABLE_WITHOUT_ROLE.at(part, element.line, "a table without role")
            elif element.tag == "a":
                if _is_read_out(element) and visibility.is_seen(element) and not _words(element):
                    link = brief(element.attributes["href"])
                    yield LINK_WITHOUT_TEXT.at(part, element.line, f"the link to {link} has no words")
            elif _needs_label(element) and element.attributes.get("id", " ") not in labels:
                what = f"<{element.tag} name={element.attributes.get('name', '')!r}> has no label"
                yield FIELD_WITHOUT_LABEL.at(part, element.line, what)


def _says_what_it_is(table: Element) -> bool:
    if table.attributes.get("role", "").strip():
        return True
    return any(cell.tag in ("th", "caption") for cell in table.walk())


def _is_read_out(link: Element) -> bool:
    """Whether a screen reader comes to it: one beside another to the same page may be kept from it."""
    hidden = any(one.attributes.get("aria-hidden") == "true" for one in (link, *link.ancestors()))
    return "href" in link.attributes and not hidden


def _words(link: Element) -> str:
    said = [link.text]
    for element in link.walk():
        said += [element.attributes.get(name, "") for name in ("alt", "aria-label")]
    return "".join(said).strip()


def _needs_label(field: Element) -> bool:
    if field.tag == "input" and field.attributes.get("type", "").lower() not in _FIELDS:
        return False
    return (
        "aria-label" not in field.attributes and "title" not in field.attributes and not field.within("label")
    )
