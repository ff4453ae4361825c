"""Whether a program loads an email, rather than somebody who reads it.

Apple's Mail Privacy Protection loads every picture soon after delivery, Gmail and Yahoo load them through a
proxy: what they ask for is no proof that anybody has seen it. Such requests get the same answers and do not
count as opens. User agents as seen in practice:
https://www.litmus.com/blog/apple-mail-privacy-protection-for-marketers and
https://developers.google.com/search/docs/crawling-indexing/google-special-case-crawlers
"""

from __future__ import annotations

import flask

_PROXIES = ("googleimageproxy", "ggpht.com", "yahoomailproxy", "yahoocachesystem", "bingpreview", "barracuda")
_BARE = "mozilla/5.0"
"""All that Apple's proxies say of themselves, and no browser says so little."""


def is_prefetch(request: flask.Request) -> bool:
    agent = request.headers.get("User-Agent", "").strip().lower()
    if agent == _BARE or any(proxy in agent for proxy in _PROXIES):
        return True
    purposes = request.headers.get("Purpose", ""), request.headers.get("Sec-Purpose", "")
    return any("prefetch" in purpose.lower() for purpose in purposes)
