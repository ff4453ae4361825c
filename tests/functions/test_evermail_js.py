"""How the client for a shop's pages is served, and that it is a script."""

from __future__ import annotations

import shutil
import subprocess

import flask
import pytest

from functions.client import SCRIPT, create_evermail_js
from functions.entry import endpoint
from tests.functions.fakes import error_code, get

MAX_BYTES = 9 * 1024
"""What docs/collect.md says."""


def ask(headers: dict[str, str] | None = None, method: str = "GET") -> flask.Response:
    return endpoint("evermail_js", create_evermail_js)(get({}, headers or {}, method))


def test_any_site_may_load_and_keep_it() -> None:
    response = ask({"Origin": "https://shop.example"})
    assert response.status_code == 200
    assert response.get_data() == SCRIPT.read_bytes()
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["Cache-Control"] == "public, max-age=3600"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def test_a_browser_that_has_it_gets_it_only_when_it_is_new() -> None:
    etag = ask().headers["ETag"]
    assert ask({"If-None-Match": etag}).status_code == 304
    assert ask({"If-None-Match": '"older"'}).status_code == 200
    assert ask({"If-None-Match": etag}, "HEAD").status_code == 304


def test_nothing_can_be_sent_to_it() -> None:
    response = ask(method="POST")
    assert (response.status_code, error_code(response)) == (405, "method_not_allowed")


def test_it_is_small() -> None:
    assert len(SCRIPT.read_bytes()) <= MAX_BYTES


def test_it_is_javascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: its syntax is checked where there is one")
    checked = subprocess.run([node, "--check", SCRIPT], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
