"""Every entry point of the functions, and what each is made of. See `functions/__init__.py` for deployment.

Nothing is read or connected at import: an instance makes its clients at the first request that needs them.
"""

from __future__ import annotations

import contextlib
import os

import flask
import functions_framework

from evermail.stores import open_store
from evermail.tokens import Purpose, TokenSigner
from functions import picture, settings
from functions.client import create_evermail_js
from functions.collect import SEGMENT_PATHS, create_collect
from functions.email_events import EmailEvents
from functions.entry import Handler, endpoint, harden
from functions.feedback import create_feedback
from functions.health import TIMEOUT_S, Check, create_healthz, create_readyz
from functions.once import Once
from functions.openapi import create_openapi
from functions.parts import Parts
from functions.picture import Look
from functions.picture.photos import Photos
from functions.privacy import create_privacy
from functions.publisher import connect
from functions.rate_limit import RateLimit
from functions.ready_soon import ReadySoon
from functions.recipients import Recipients
from functions.recommendations import create_recommendations
from functions.router import route
from functions.settings import (
    EmailSettings,
    RecommendationsSettings,
    SlotSettings,
    StartSettings,
    TrendingSettings,
)
from functions.slot_click import SlotClick
from functions.slot_image import SlotImage
from functions.trending import Trending
from functions.unsubscribe import create_unsubscribe
from functions.wishlist import create_wishlist

_parts = Parts()


def _recommender(
    config: StartSettings | RecommendationsSettings | TrendingSettings | SlotSettings,
) -> ReadySoon:
    return _parts.recommender((config.store_url, config.locale, config.static_file))


def _make_recommendations() -> Handler:
    config = settings.load_recommendations(os.environ)
    recommender = _recommender(config)
    return create_recommendations(config, lambda: recommender, lambda: _parts.shown_writer(config.store_url))


def _make_trending() -> Handler:
    config = settings.load_trending(os.environ)
    recommender = _recommender(config)
    return Trending(config.senders, config.slots, lambda: recommender)


def _make_slot_image() -> Handler:
    config = settings.load_slots(os.environ)
    recommender = _recommender(config)
    return SlotImage(
        _recipients(config, Purpose.SLOTS),
        lambda: recommender,
        lambda: _parts.shown_writer(config.store_url),
        Once(lambda: Photos(Look())),
    )


def _make_slot_click() -> Handler:
    config = settings.load_slots(os.environ)
    recommender = _recommender(config)
    events = EmailEvents(_parts.publisher(config.topic))
    return SlotClick(config.shop_url, _recipients(config, Purpose.SLOTS), lambda: recommender, events)


def _recipients(config: EmailSettings, purpose: Purpose) -> Recipients:
    return Recipients(TokenSigner(config.token_keys), purpose, RateLimit(config.requests_per_minute))


def _make_collect() -> Handler:
    config = settings.load_collect(os.environ)
    return create_collect(config, _parts.publisher(config.topic))


def _make_wishlist() -> Handler:
    config = settings.load_wishlist(os.environ)
    return create_wishlist(config, _parts.publisher(config.topic))


def _make_feedback() -> Handler:
    config = settings.load_actions(os.environ)
    return create_feedback(config, lambda: _parts.patient_store(config.store_url))


def _make_unsubscribe() -> Handler:
    config = settings.load_actions(os.environ)
    return create_unsubscribe(config, lambda: _parts.patient_store(config.store_url))


def _make_privacy() -> Handler:
    config = settings.load_privacy(os.environ)
    store = Once(lambda: open_store(config.store_url))
    return create_privacy(config, store, _parts.publisher(config.topic))


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
_trending = endpoint("trending", Once(_make_trending))
_slot_image = endpoint("slot_image", Once(_make_slot_image))
_slot_click = endpoint("slot_click", Once(_make_slot_click))
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
def trending(request: flask.Request) -> flask.Response:
    """What is popular, for everybody and every cache."""
    return _trending(request)


@functions_framework.http
def slot_image(request: flask.Request) -> flask.Response:
    """The picture of a slot, for clients without AMP."""
    return _slot_image(request)


@functions_framework.http
def slot_click(request: flask.Request) -> flask.Response:
    """The link of a slot."""
    return _slot_click(request)


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
    "trending": _trending,
    "slot_image": _slot_image,
    "slot_click": _slot_click,
    "collect": _collect,
    **dict.fromkeys(SEGMENT_PATHS, _collect),
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


_STARTS_EARLY = {"recommendations", "trending", "slot_image", "slot_click", "evermail"}
_DRAWS = {"slot_image", "evermail"}


def _start() -> None:
    """Begins what takes longest before the first request comes."""
    with contextlib.suppress(settings.SettingsError):  # the first request will be told
        config = settings.load_start(os.environ)
        started = _recommender(config).start()
        if os.environ.get("FUNCTION_TARGET") in _DRAWS:
            # In the thread that has made it, and after that: beside it, it would hold up the first answers.
            started.add_done_callback(lambda _: picture.warm(Look()))


if flask.has_app_context():  # the framework imports its source inside the application it will serve
    harden(flask.current_app)
    if os.environ.get("FUNCTION_TARGET") in _STARTS_EARLY:
        # Its server forks workers after this, and connections do not survive a fork.
        os.register_at_fork(after_in_child=_start)
