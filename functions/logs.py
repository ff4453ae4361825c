"""Structured logs: one JSON object a line on standard output, as Cloud Logging reads it.

A line says what happened to a request, never whose it was: no token, no query string, no sender,
no identifier, no payload, no message of an unexpected exception (it may quote any of these).
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
import uuid
from typing import TextIO

import flask
import msgspec

from evermail import clock

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_CLOUD_TRACE = re.compile(r"([0-9a-f]{32})(?:/[0-9]+)?(?:;o=[01])?")


class RequestLog:
    """Gathers what is worth knowing of one request and writes it as one line when it is answered."""

    def __init__(self, function: str, request: flask.Request) -> None:
        self.request_id = uuid.uuid4().hex
        """Sent back as `X-Request-Id`. Made here: what a caller sends could name a person."""
        self._started = time.perf_counter()
        self._fields: dict[str, object] = {
            "function": function,
            "request_id": self.request_id,
            "method": request.method if request.method in _METHODS else "other",
        }
        self.traceparent = _traceparent(request)
        """What the request says it is part of (W3C Trace Context), to be passed on; empty if nothing."""
        trace = _trace_id(request)
        if trace:
            self._fields["trace"] = trace

    def add(self, **fields: object) -> None:
        """Adds fields to the line. Give no personal data."""
        self._fields.update(fields)

    def add_exception(self, error: BaseException) -> None:
        """Adds the type of an exception and where it came from, but not what it says."""
        frames = traceback.extract_tb(error.__traceback__)
        self.add(
            exception=f"{type(error).__module__}.{type(error).__qualname__}",
            frames=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]],
        )

    def finish(self, status: int) -> None:
        """Writes the line."""
        latency_ms = (time.perf_counter() - self._started) * 1000
        self.add(status=status, latency_ms=round(latency_ms, 2))
        level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO
        _logger.log(level, "%s answered %d", self._fields["function"], status, extra={"fields": self._fields})


_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": clock.to_rfc3339(int(record.created * clock.SECOND)),
        }
        line.update(getattr(record, "fields", {}))
        return msgspec.json.encode(line).decode()


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to what is standard output now, not what it was at import."""

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, value: TextIO) -> None:
        pass


def _make_logger() -> logging.Logger:
    logger = logging.getLogger("evermail.functions")
    handler = _StdoutHandler()
    handler.setFormatter(_JsonFormatter())
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def _traceparent(request: flask.Request) -> str:
    said = request.headers.get("traceparent", "")
    return said if _TRACEPARENT.fullmatch(said) else ""


def _trace_id(request: flask.Request) -> str | None:
    """The trace this request belongs to: W3C Trace Context, else Google's older header."""
    for header, pattern in (("traceparent", _TRACEPARENT), ("X-Cloud-Trace-Context", _CLOUD_TRACE)):
        match = pattern.fullmatch(request.headers.get(header, ""))
        if match:
            return match[1]
    return None


_logger = _make_logger()
