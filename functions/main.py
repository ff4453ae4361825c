"""Every entry point of the functions, and what each is made of. See `functions/__init__.py` for deployment.

Nothing is read or connected at import: an instance makes its clients at the first request that needs them.
"""

from __future__ import annotations

import os

import flask
import functions_framework

from evermail.serving import Recommender
from evermail.stores import open_store
from evermail.stores.guarded import GuardedStore
from functions import settings
from functions.client import create_evermail_js
from functions.collect import create_collect
from functions.entry import Handler, endpoint, harden
from functions.feedback import create_feedback
from functions.health import TIMEOUT_S, Check, create_healthz, create_readyz
from functions.once import Once
from functions.openapi import create_openapi
from functions.privacy import create_privacy
from functions.publisher import PubSubPublisher, connect
from functions.recommendations import create_recommendations
from functions.router import route
from functions.shown import ShownWriter
from functions.unsubscribe import create_unsubscribe
from functions.wishlist import create_wishlist


def _make_recommendations() -> Handler:
    config = settings.load_recommendations(os.environ)
    store = Once(lambda: GuardedStore(open_store(config.store_url)))
    recommender = Once(lambda: Recommender(store(), locale=config.locale))
    return create_recommendations(config, recommender, Once(lambda: ShownWriter(store())))


def _make_collect() -> Handler:
    config = settings.load_collect(os.environ)
    return create_collect(config, PubSubPublisher(config.topic))


def _make_wishlist() -> Handler:
    config = settings.load_actions(os.environ)
    return create_wishlist(config, PubSubPublisher(config.topic))


def _make_feedback() -> Handler:
    config = settings.load_actions(os.environ)
    return create_feedback(config, Once(lambda: GuardedStore(open_store(config.store_url))))


def _make_unsubscribe() -> Handler:
    config = settings.load_actions(os.environ)
    return create_unsubscribe(config, Once(lambda: GuardedStore(open_store(config.store_url))))


def _make_privacy() -> Handler:
    config = settings.load_privacy(os.environ)
    return create_privacy(config, Once(lambda: open_store(config.store_url)), PubSubPublisher(config.topic))


def _make_readyz() -> Handler:
    config = settings.load_readiness(os.environ)
    checks: dict[str, Check] = {}
    if config.store_url:
        store = Once(lambda: open_store(config.store_url))
        checks["store"] = lambda: store().ping(timeout_s=TIMEOUT_S)
    if config.topic:
        checks["events_topic"] = Once(lambda: connect(TIMEOUT_S))
    return create_readyz(checks)


_recommendations = endpoint("recommendations", Once(_make_recommendations))
_collect = endpoint("collect", Once(_make_collect))
_wishlist = endpoint("wishlist", Once(_make_wishlist))
_feedback = endpoint("feedback", Once(_make_feedback))
_unsubscribe = endpoint("unsubscribe", Once(_make_unsubscribe))
_evermail_js = endpoint("evermail_js", Once(create_evermail_js))
_privacy = endpoint("privacy", Once(_make_privacy))
_healthz = endpoint("healthz", create_healthz)
_readyz = endpoint("readyz", Once(_make_readyz))
_openapi = endpoint("openapi", Once(create_openapi))


@functions_framework.http
def recommendations(request: flask.Request) -> flask.Response:
    """The products for an opened email."""
    return _recommendations(request)


@functions_framework.http
def collect(request: flask.Request) -> flask.Response:
    """A shop's events, onto the events topic."""
    return _collect(request)


@functions_framework.http
def wishlist(request: flask.Request) -> flask.Response:
    """An item onto the wishlist, from an email."""
    return _wishlist(request)


@functions_framework.http
def feedback(request: flask.Request) -> flask.Response:
    """What a shopper says of an item in an email."""
    return _feedback(request)


@functions_framework.http
def unsubscribe(request: flask.Request) -> flask.Response:
    """The link by which people leave."""
    return _unsubscribe(request)


@functions_framework.http
def evermail_js(request: flask.Request) -> flask.Response:
    """The client for a shop's pages."""
    return _evermail_js(request)


@functions_framework.http
def privacy(request: flask.Request) -> flask.Response:
    """What is stored of one person, or the end of it."""
    return _privacy(request)


@functions_framework.http
def healthz(request: flask.Request) -> flask.Response:
    """Whether the process lives."""
    return _healthz(request)


@functions_framework.http
def readyz(request: flask.Request) -> flask.Response:
    """Whether what it depends on answers."""
    return _readyz(request)


@functions_framework.http
def openapi(request: flask.Request) -> flask.Response:
    """What all of these take and answer."""
    return _openapi(request)


PATHS = {
    "recommendations": _recommendations,
    "collect": _collect,
    "wishlist": _wishlist,
    "feedback": _feedback,
    "unsubscribe": _unsubscribe,
    "evermail.js": _evermail_js,
    "privacy": _privacy,
    "healthz": _healthz,
    "readyz": _readyz,
    "openapi.json": _openapi,
}
"""Where each is, in the one that has them all."""

_evermail = route("evermail", PATHS)


@functions_framework.http
def evermail(request: flask.Request) -> flask.Response:
    """All of these, each under its path."""
    return _evermail(request)


if flask.has_app_context():  # the framework imports its source inside the application it will serve
    harden(flask.current_app)
