"""The document, of its files.

A file of `paths/` is an OpenAPI path item; its member `also` names further paths that are the same. What is
the same everywhere it leaves out:

- each operation has `errors` in place of responses that are errors: codes by status,
  `{"401": ["token_expired", "token_invalid"]}`. An answer that says more than its code has the further
  members beside them: `{"503": {"codes": [...], "members": {NAME: SCHEMA}}}`.
- `"pages": true` says that these errors are pages where a page was asked for.
- 405 and 500, and the headers of every answer, are added to all operations.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).parent

EVERYWHERE = {405: ["method_not_allowed"], 500: ["not_configured", "internal_error"]}
"""Errors of every operation."""

METHODS = frozenset({"get", "head", "post", "options"})
"""Members of a path item that are operations."""

_OURS = ("errors", "pages", "responses")
"""Members of an operation that are not taken over as they stand."""

_PAGE = {"text/html": {"schema": {"type": "string"}}}
_HEADERS_OF = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After"}


def assemble() -> dict[str, Any]:
    """The whole document. Raises `OSError`."""
    document: dict[str, Any] = msgspec.json.decode((HERE / "document.json").read_bytes())
    paths: dict[str, Any] = {}
    for file in sorted((HERE / "paths").glob("*.json")):
        name, item = file.name.removesuffix(".json"), msgspec.json.decode(file.read_bytes())
        same = item.pop("also", ())
        paths[f"/{name}"] = _path_item(item)
        paths |= {f"/{other}": {"$ref": f"#/paths/~1{name}"} for other in same}
    return {**document, "paths": paths}


def to_json(document: dict[str, Any]) -> bytes:
    """The bytes that are served."""
    return msgspec.json.encode(document)


def _path_item(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _operation(value) if name in METHODS else value for name, value in item.items()}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    errors = {int(status): told for status, told in operation.get("errors", {}).items()}
    responses = dict(operation["responses"])
    for status, told in sorted({**EVERYWHERE, **errors}.items()):
        page = operation.get("pages", False) and status in errors
        responses[str(status)] = _error(status, told, page=page)
    for response in responses.values():
        headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
        response["headers"] = {**headers, **response.get("headers", {})}
    shared = {name: value for name, value in operation.items() if name not in _OURS}
    return {**shared, "responses": responses}


def _error(status: int, told: Any, *, page: bool) -> dict[str, Any]:
    codes, members = (told, {}) if isinstance(told, list) else (told["codes"], told["members"])
    error = {
        "type": "object",
        "required": ["code", "message"],
        "additionalProperties": False,
        "properties": {
            "code": {"description": "For programs.", "enum": codes},
            "message": {"description": "For people.", "type": "string"},
        },
    }
    schema = {
        "type": "object",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {"error": error, **members},
    }
    header = _HEADERS_OF.get(status)
    named = {header: {"$ref": f"#/components/headers/{header}"}} if header else {}
    return {
        "description": HTTPStatus(status).phrase,
        "headers": named,
        "content": {"application/json": {"schema": schema}, **(_PAGE if page else {})},
    }
