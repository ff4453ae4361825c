"""Whose secret a request shows, by whatever way it may be shown."""

from __future__ import annotations

import base64

import flask
from hypothesis import assume, example, given
from hypothesis import strategies as st

from functions.callers import Secrets
from tests.functions.fakes import post

OURS = {"crm": "a-secret-of-the-crm", "till": "a=secret:with/signs+ünd=", "shop": "a-secret-of-the-shop"}
SECRETS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=40)


def request(authorization: bytes) -> flask.Request:
    """As a server reads it: a header's bytes are its letters."""
    return post(b"", headers={"Authorization": authorization.decode("latin-1")})


def basic(user: str, password: str = "") -> flask.Request:
    return request(b"Basic " + base64.b64encode(f"{user}:{password}".encode()))


@given(SECRETS, st.sampled_from(["Bearer", "bearer", "BEARER"]))
@example(OURS["till"], "Bearer")
@example("voilà, a secret: là", "Bearer")
def test_each_secret_is_its_owners(secret: str, scheme: str) -> None:
    ours = {"other": OURS["crm"], "mine": secret}
    assert Secrets(ours).owner(request(f"{scheme} {secret}".encode())) == "mine"


@given(SECRETS, st.text(max_size=5))
def test_a_user_name_is_a_secret_where_basic_is_taken(secret: str, password: str) -> None:
    assume(":" not in secret)
    ours = {"crm": secret}
    assert Secrets(ours, basic=True).owner(basic(secret, password)) == "crm"
    assert Secrets(ours).owner(basic(secret, password)) is None


@given(SECRETS)
@example(OURS["crm"][:-1])
@example(OURS["crm"] + "x")
@example("crm")
def test_any_other_is_nobodys(secret: str) -> None:
    assume(secret not in OURS.values())
    ours = Secrets(OURS, basic=True)
    for asked in (request(f"Bearer {secret}".encode()), basic(secret)):
        assert ours.owner(asked) is None


@given(st.binary(max_size=60).map(lambda sent: sent.replace(b"\r", b"").replace(b"\n", b"")))
@example(b"Bearer")
@example(b"Basic !")
@example(b"Basic a")
@example(b"Digest username=a-secret-of-the-crm")
def test_nothing_that_is_sent_makes_it_fail(sent: bytes) -> None:
    assert Secrets(OURS, basic=True).owner(request(sent)) is None
    if not sent.lower().startswith((b"bearer ", b"basic ")):
        assert Secrets(OURS, basic=True).shown(request(sent)) == b""
