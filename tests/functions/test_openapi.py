"""The OpenAPI document is valid, whole, and says the same as the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from evermail.events import Code
from functions import main
from functions.collect import ERASURE_NEEDS_KEY
from functions.openapi import assembly
from functions.settings import VARIABLES
from tests.functions.all_in_one import SOURCE, served

DOCUMENT = assembly.assemble()
CODE = re.compile(r"[a-z]+(_[a-z]+)*")

OF_NO_OPERATION = {"not_found", "invalid_slot", "invalid_item"}
"""The first is answered where there is nothing; the others end in a picture, or at the shop's front page."""

NOT_OF_REQUESTS = {Code.ID_COLLISION, Code.LATE, Code.IDS_FORGOTTEN, Code.STORE_REFUSED, Code.INTERNAL_ERROR}
"""Reasons to refuse an event that only the job finds."""


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() & assembly.METHODS:
            yield path, method, item[method]


def entry_points() -> set[str]:
    """The functions of main.py that the framework can serve."""
    tree = ast.parse(SOURCE.read_text())
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("http" in ast.unparse(one) for one in node.decorator_list)
    }


def codes_of_document() -> set[str]:
    found = set()
    for _, _, operation in operations():
        for response in operation["responses"].values():
            schema = response.get("content", {}).get("application/json", {}).get("schema", {})
            error = schema.get("properties", {}).get("error", {})
            found.update(error.get("properties", {}).get("code", {}).get("enum", ()))
    return found


def codes_of_source() -> set[str]:
    """What stands where a failure is made: its code, or one of several."""
    found = set()
    for file in SOURCE.parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Failure", "Denied", "unavailable"):
                texts = (inner.value for arg in node.args[:2] for inner in ast.walk(arg) if is_text(inner))
                found.update(text for text in texts if CODE.fullmatch(text))
    return found


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_it_is_valid() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(DOCUMENT).validate()


def test_it_has_every_path_and_no_other() -> None:
    assert set(DOCUMENT["paths"]) == {f"/{path}" for path in main.PATHS}


def test_paths_of_one_endpoint_are_described_as_one() -> None:
    for path, item in DOCUMENT["paths"].items():
        if "$ref" in item:
            described = item["$ref"].rpartition("/")[2].removeprefix("~1")
            assert main.PATHS[path[1:]] is main.PATHS[described]


def test_it_has_every_entry_point() -> None:
    named = {operation["operationId"] for _, _, operation in operations()}
    served_alone = entry_points() - {"evermail"}
    assert served_alone <= named
    assert len(set(main.PATHS.values())) == len(served_alone)
    assert len(named) == len(list(operations()))


def test_every_entry_point_says_which_variables_it_reads() -> None:
    assert entry_points() - {"evermail", "openapi"} <= set(VARIABLES)


def test_its_codes_are_those_of_the_code() -> None:
    of_events = {str(code) for code in Code} - NOT_OF_REQUESTS | {ERASURE_NEEDS_KEY}
    assert codes_of_document() == (codes_of_source() - OF_NO_OPERATION) | of_events


def test_every_reference_leads_somewhere() -> None:
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', assembly.to_json(DOCUMENT).decode()):
        place: Any = DOCUMENT
        for name in reference.split("/"):
            place = place[name.replace("~1", "/")]
        assert place


def test_every_component_is_used() -> None:
    text = assembly.to_json(DOCUMENT).decode()
    for kind, components in DOCUMENT["components"].items():
        for name in components:
            if kind == "securitySchemes":
                assert any({name: []} in operation.get("security", []) for _, _, operation in operations()), (
                    name
                )
            else:
                assert f'"#/components/{kind}/{name}"' in text, name


def test_a_cache_may_keep_it_and_ask_for_a_new_one(tmp_path: Path) -> None:
    with served(tmp_path) as app:
        client = app.test_client()
        whole = client.get("/openapi.json")
        assert (whole.status_code, json.loads(whole.data)) == (200, DOCUMENT)
        assert whole.headers["Cache-Control"].startswith("public")
        assert "unsafe" not in whole.headers["Content-Security-Policy"]
        again = client.get("/openapi.json", headers={"If-None-Match": whole.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert client.get("/openapi.json", headers={"If-None-Match": '"other"'}).status_code == 200
        assert client.post("/openapi.json").status_code == 405


@pytest.mark.parametrize("name", ["shop.example.com", "crm-1@"])
def test_it_names_nobody(name: str) -> None:
    assert name not in assembly.to_json(DOCUMENT).decode()
