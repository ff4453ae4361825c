"""Requests made out of the OpenAPI document, good ones and bad ones: whatever comes, what is answered is what
the document says, and nothing of it is a mistake of ours.

The same requests each time. Nothing is broken here, so a 503 would be one as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest import mock
from wsgiref.types import StartResponse, WSGIEnvironment

import flask
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from evermail.tokens import Purpose
from functions import callers
from functions.openapi import assembly
from tests.functions.all_in_one import OPTIONAL, SECRET, environment, fill, live_token, served
from tests.functions.fakes import SENDER, SHOP

EXAMPLES = 25
"""Of each operation."""

BY_LINK = ["/slot_image", "/slot_click", "/unsubscribe"]
"""What clients without AMP ask for as well."""

NOT_CHECKED = (
    "positive_data_acceptance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
)
"""That what fits the schemas is taken, and nothing else is. What a schema cannot say, as who a sender is, is
asked as well, before anything else, and what nobody asks for, such as other parameters, is let be."""

_CONFIG = {
    "generation": {"max-examples": EXAMPLES, "deterministic": True},
    "checks": {name: {"enabled": False} for name in NOT_CHECKED},
}
_document = schemathesis.openapi.from_dict(assembly.assemble(), config=SchemathesisConfig.from_dict(_CONFIG))
_running: list[flask.Flask] = []


def _app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The one that runs while the tests do: which tests there are is known before."""
    return _running[-1](environ, start_response)


_document.app = _app


@pytest.fixture(scope="module", params=[{}, OPTIONAL], ids=["as few variables as can be", "all variables"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("requests")
    fill(environment(folder)["EVERMAIL_STORE"])
    with (
        mock.patch.object(callers, "FAILURES_PER_MINUTE", 1_000_000),
        served(folder, **request.param) as running,
    ):
        _running.append(running)
        yield
        _running.clear()


@pytest.mark.usefixtures("app")
@_document.parametrize()
def test_as_they_come(case: schemathesis.Case) -> None:
    case.call_and_validate()


@pytest.mark.usefixtures("app")
@_document.parametrize()
def test_of_who_may(case: schemathesis.Case) -> None:
    """The same with a token or a secret, and a sender, that are known here."""
    headers = {"Authorization": f"Bearer {SECRET}", "AMP-Email-Sender": SENDER, "Origin": SHOP}
    case.call_and_validate(params=_live(case), headers=headers)


@pytest.mark.usefixtures("app")
@_document.include(path=BY_LINK).parametrize()
def test_of_who_follows_a_link(case: schemathesis.Case) -> None:
    """With a token that is known here, and without a sender: a browser, a picture proxy, or a provider that
    unsubscribes by one click. None of them is AMP."""
    for name in [name for name in case.headers if name.lower() == "amp-email-sender"]:
        del case.headers[name]
    case.query.pop("__amp_source_origin", None)
    # The check would have a missing token be a 401: it is a link that was cut off, 400.
    case.call_and_validate(params=_live(case), excluded_checks=[schemathesis.checks.ignored_auth])


def _live(case: schemathesis.Case) -> dict[str, str]:
    """The parameters of a token that is good for what is asked."""
    schemes = [name for one in case.operation.definition.raw.get("security", []) for name in one]
    return {"t": live_token(schemes[0])} if schemes and schemes[0] in list(map(str, Purpose)) else {}
