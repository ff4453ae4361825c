"""What the official AMP validator says of the AMP part, with what to do about it in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from evermail.campaigns.check import amp_table
from evermail.campaigns.check.amp_validator import INSTALL_COMMAND, Complaint, ValidatorMissing
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, error, warning

AMP_INVALID = error(
    "amp_invalid",
    "The official AMP validator refuses the AMP part: mail programs show the HTML part instead.",
    "Mend the line it names. If it is in a template of your own, compare it with one of ours.",
)
AMP_DOUBTFUL = warning(
    "amp_doubtful",
    "The official AMP validator warns of something in the AMP part.",
    "Do what it says: a warning of today is refused one day.",
)
AMP_NOT_VALIDATED = warning(
    "amp_not_validated",
    "The official AMP validator is not installed, so only the mistakes in our own table were looked for.",
    f"Run `{INSTALL_COMMAND}` once; it needs Node 18 or later (https://nodejs.org).",
)

_ADDRESS = "Write the whole address, beginning with https://."
_SCRIPT = "Add the <script> of this element to the head."
_FRAME = "Begin the AMP part with our frame, templates/_partials/amp_base.html."
_REMEDIES = {
    "DISALLOWED_TAG": "Take this element out of the AMP part; the HTML part may keep it.",
    "DISALLOWED_SCRIPT_TAG": "Delete the script: what an email shows live comes by <amp-list>.",
    "DISALLOWED_ATTR": "Delete this attribute.",
    "DISALLOWED_RELATIVE_URL": _ADDRESS,
    "INVALID_URL_PROTOCOL": _ADDRESS,
    "INVALID_URL": _ADDRESS,
    "MISSING_URL": _ADDRESS,
    "INVALID_ATTR_VALUE": "Change the value. An address is complete, begins with https://, and a "
    "{{variable}} in it is the whole of it.",
    "MANDATORY_ATTR_MISSING": "Add the attribute that is missing.",
    "MISSING_LAYOUT_ATTRIBUTES": "Add width and height, in pixels.",
    "MANDATORY_TAG_MISSING": _FRAME,
    "TAG_REQUIRED_BY_MISSING": _FRAME,
    "WRONG_PARENT_TAG": _FRAME,
    "MANDATORY_CDATA_MISSING_OR_INCORRECT": _FRAME,
    "AMP_EMAIL_MISSING_STRICT_CSS_ATTR": _FRAME,
    "MISSING_REQUIRED_EXTENSION": _SCRIPT,
    "ATTR_MISSING_REQUIRED_EXTENSION": _SCRIPT,
    "UNESCAPED_TEMPLATE_IN_ATTR_VALUE": "Write {{variable}} with two braces rather than three here.",
    "DEPRECATED_TAG": "Delete this element from the AMP part.",
}
"""By the validator's own codes."""

_STYLE = "Delete or replace this style in the AMP part; the HTML part may keep it."
_STYLES = ("CSS_", "DISALLOWED_PROPERTY", "DISALLOWED_STYLE", "INVALID_PROPERTY_VALUE")

_SIZES = frozenset(
    (
        "STYLESHEET_TOO_LONG",
        "STYLESHEET_AND_INLINE_STYLE_TOO_LONG",
        "INLINE_STYLE_TOO_LONG",
        "DOCUMENT_SIZE_LIMIT_EXCEEDED",
    )
)
"""What `sizes` says in plainer words."""


def find(draft: Draft) -> Iterator[Finding]:
    if not draft.parts.amp.strip():
        return
    try:
        if draft.validator is None:
            raise ValidatorMissing("the AMP validator was not asked")
        complaints = draft.validator.complaints(draft.parts.amp)
    except ValidatorMissing as missing:
        yield AMP_NOT_VALIDATED.at("amp", 0, str(missing))
        yield from amp_table.find(draft)
        return
    yield from (_finding(complaint) for complaint in complaints if complaint.code not in _SIZES)


def _finding(complaint: Complaint) -> Finding:
    kind = AMP_INVALID if complaint.severity == "ERROR" else AMP_DOUBTFUL
    remedy = _STYLE if complaint.code.startswith(_STYLES) else _REMEDIES.get(complaint.code, "")
    return kind.at("amp", complaint.line, complaint.message.rstrip("."), remedy=remedy)
