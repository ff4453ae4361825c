"""Whether the head of a message has what mail providers ask of bulk mail.

Sources: RFC 5322 (3.6), RFC 8058 (3.1), and Google's and Yahoo's rules for bulk senders.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime

from evermail.campaigns.brand import is_url
from evermail.campaigns.check.finding import Finding, brief, error, hint, warning

FROM_MISSING = error(
    "from_missing",
    "The message does not say who sends it.",
    "Give it one From address, that of your brand (`--sender`).",
)
FROM_IS_TO = error(
    "from_is_to",
    "Sender and recipient are the same: Gmail then shows no AMP.",
    "Send test emails to another address than the one they come from.",
)
SENDER_DIFFERS = warning(
    "sender_differs",
    "The message comes from another address than --sender: AMP is allowed for each address on its own.",
    "Send from the address that is registered with Gmail and Yahoo, and trusted by the functions.",
)
HEADER_TWICE = error(
    "header_twice",
    "A header stands twice that may stand once: many mail servers refuse the message.",
    "Delete one of the two; the mail service may add it by itself.",
)
DATE_MISSING = error(
    "date_missing",
    "The message has no date, or none that can be read.",
    "Build it with `evermail campaign build`, which writes one.",
)
MESSAGE_ID_MISSING = hint(
    "message_id_missing",
    "The message has no Message-ID. Mail servers that send for you add one.",
    "If yours does not, give each message one of its own: receivers count its absence as a sign of spam.",
)
MESSAGE_ID_BROKEN = warning(
    "message_id_broken",
    "The Message-ID is not of the form <something@domain>.",
    "Leave it out, and your mail server writes one.",
)
LIST_UNSUBSCRIBE_MISSING = error(
    "list_unsubscribe_missing",
    "There is no List-Unsubscribe with a https address: Gmail and Yahoo refuse bulk mail without it.",
    "Send `List-Unsubscribe: <https://…/unsubscribe?t=…>` with the recipient's own token.",
)
LIST_UNSUBSCRIBE_POST_MISSING = error(
    "list_unsubscribe_post_missing",
    "There is no List-Unsubscribe-Post: no unsubscribing by one click, which bulk mail must offer.",
    "Send `List-Unsubscribe-Post: List-Unsubscribe=One-Click`.",
)

_ONCE = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "Sender",
    "MIME-Version",
    "List-Unsubscribe-Post",
)
_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


def find(message: EmailMessage, sender: str = "") -> Iterator[Finding]:
    """`sender` is the address that emails are to come from, if it is known."""
    for name in _ONCE:
        if len(message.get_all(name, [])) > 1:
            yield HEADER_TWICE.at("message", 0, f"there are two of {name}")
    senders, recipients = _addresses(message, "From"), _addresses(message, "To")
    if not senders:
        yield FROM_MISSING.at("message", 0, "there is no From")
    elif set(senders) & set(recipients):
        yield FROM_IS_TO.at("message", 0, f"it goes from {senders[0]} to itself")
    if senders and sender and sender.casefold() not in senders:
        yield SENDER_DIFFERS.at("message", 0, f"it comes from {senders[0]} rather than {sender}")
    if not _has_date(message):
        yield DATE_MISSING.at("message", 0, f"Date is {brief(str(message.get('Date', ''))) or 'missing'}")
    message_id = str(message.get("Message-ID", "")).strip()
    if not message_id:
        yield MESSAGE_ID_MISSING.at("message", 0, "there is no Message-ID")
    elif not _MESSAGE_ID.fullmatch(message_id):
        yield MESSAGE_ID_BROKEN.at("message", 0, f"Message-ID is {brief(message_id)}")
    targets = re.findall(r"<\s*([^<>]+?)\s*>", str(message.get("List-Unsubscribe", "")))
    if not any(is_url(target, schemes=("https",)) for target in targets):
        what = f"List-Unsubscribe is {brief(', '.join(targets)) or 'missing'}"
        yield LIST_UNSUBSCRIBE_MISSING.at("message", 0, what)
    post = "".join(str(message.get("List-Unsubscribe-Post", "")).split())
    if post.casefold() != "list-unsubscribe=one-click":
        what = f"List-Unsubscribe-Post is {brief(post) or 'missing'}"
        yield LIST_UNSUBSCRIBE_POST_MISSING.at("message", 0, what)


def sender_of(message: EmailMessage) -> str:
    """The address it comes from, in lower case; empty if there is none."""
    return next(iter(_addresses(message, "From")), "")


def _addresses(message: EmailMessage, name: str) -> list[str]:
    found = getaddresses([str(value) for value in message.get_all(name, [])])
    return [address.casefold() for _, address in found if "@" in address]


def _has_date(message: EmailMessage) -> bool:
    try:
        parsedate_to_datetime(str(message["Date"]))
    except (TypeError, ValueError, IndexError):
        return False
    return True
