"""Why the broker refuses a call. The server gives each its gRPC code; the text goes to the caller."""

from __future__ import annotations


class PubSubError(Exception):
    """Base of the family; the message is meant for the caller."""


class NotFound(PubSubError):
    """No such topic or subscription."""


class AlreadyExists(PubSubError):
    """The name is taken."""


class Invalid(PubSubError):
    """The request can never succeed as it is."""


class Unsupported(PubSubError):
    """Real Pub/Sub offers this, the embedded one does not."""


class Full(PubSubError):
    """A limit is reached: try again once subscribers have caught up."""


class Closed(PubSubError):
    """The broker is shutting down."""
