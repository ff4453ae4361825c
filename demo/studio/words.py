"""What the page says of templates and services, for people who see them for the first time."""

from __future__ import annotations

TEMPLATES = {
    "recommended_for_you": "Picks that follow what somebody looks at.",
    "abandoned_cart": "What was left in the cart, and what goes with it.",
    "back_in_stock": "Something they wanted can be had again.",
    "price_drop": "Something they looked at costs less now.",
    "trending_in_category": "What everybody looks at in one category.",
    "post_purchase": "After an order: what goes with it.",
}
"""In the order in which they are offered."""

SERVICE_HINTS = {
    True: "One message for each recipient, ready to send.",
    False: "One email that the service merges for each recipient.",
}
"""By whether a service needs rendering per recipient."""


def title_of(template: str) -> str:
    return template.replace("_", " ").capitalize()
