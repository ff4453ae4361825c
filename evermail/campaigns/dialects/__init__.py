"""The mail services that an email can be built for, one file each, and the languages that several share.

What is said here of a service was read in its documentation, or stands in its `unverified`. None of them was
sent through: docs/campaigns.md says what to look at in the first test email.
"""

from __future__ import annotations

from evermail.campaigns.dialects.base import Addressee, Dialect, Envelope, MergeFailed
from evermail.campaigns.dialects.braze import Braze
from evermail.campaigns.dialects.customerio import CustomerIo
from evermail.campaigns.dialects.iterable import Iterable
from evermail.campaigns.dialects.klaviyo import Klaviyo
from evermail.campaigns.dialects.mailgun import Mailgun
from evermail.campaigns.dialects.raw import Ses, Smtp
from evermail.campaigns.dialects.salesforce import Salesforce
from evermail.campaigns.dialects.sendgrid import SendGrid
from evermail.campaigns.dialects.sparkpost import SparkPost

__all__ = ["DIALECTS", "Addressee", "Dialect", "Envelope", "MergeFailed"]

_ALL: tuple[Dialect, ...] = (
    Smtp(),
    Ses(),
    SendGrid(),
    Mailgun(),
    SparkPost(),
    Braze(),
    Salesforce(),
    Klaviyo(),
    CustomerIo(),
    Iterable(),
)

DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in _ALL}
"""By the name that `--esp` has for them."""
