"""As much of Cloud Storage's JSON API, on a loopback port, as Beam's file system asks for.

https://cloud.google.com/storage/docs/json_api. Objects appear when their upload ends, as there.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

_OBJECT = re.compile(r"(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)")
_COPY = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/copyTo/b/([^/]+)/o/([^/]+)")
_BOUNDARY = "part"


class FakeGcs:
    """Use as a context manager. `objects` are by `BUCKET/NAME`; `failures` counts down requests that fail."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, bytes] = {}
        self.failures: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gcs": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, path: str) -> tuple[int, bytes]:
        """A request that has no body."""
        parts = urlsplit(path)
        if self.failing(method):
            return 403, b'{"error": {"code": 403, "message": "not now"}}'
        if copy := _COPY.fullmatch(parts.path):
            source, target = (unquote(f"{copy[n]}/{copy[n + 1]}") for n in (1, 3))
            if source not in self.objects:
                return 404, b"{}"
            self.objects[target] = self.objects[source]
            return 200, self._resource(target)
        if parts.path.endswith("/o"):
            bucket = parts.path.split("/")[-2]
            prefix = f"{bucket}/{parse_qs(parts.query).get('prefix', [''])[0]}"
            found = [
                json.loads(self._resource(key)) for key in sorted(self.objects) if key.startswith(prefix)
            ]
            return 200, json.dumps({"kind": "storage#objects", "items": found}).encode()
        found_object = _OBJECT.fullmatch(parts.path)
        key = unquote(f"{found_object[1]}/{found_object[2]}") if found_object else ""
        if key not in self.objects:
            return 404, b"{}"
        if method == "DELETE":
            del self.objects[key]
            return 204, b""
        return 200, self.objects[key] if "alt=media" in parts.query else self._resource(key)

    def failing(self, method: str) -> bool:
        left = self.failures.get(method, 0)
        self.failures[method] = max(0, left - 1)
        return left > 0

    def _resource(self, key: str) -> bytes:
        bucket, _, name = key.partition("/")
        return json.dumps(
            {
                "kind": "storage#object",
                "bucket": bucket,
                "name": name,
                "size": str(len(self.objects[key])),
                "updated": "2026-09-21T14:14:00.000Z",
                "generation": "1",
                "crc32c": base64.b64encode(google_crc32c.Checksum(self.objects[key]).digest()).decode(),
            }
        ).encode()


class _Handler(BaseHTTPRequestHandler):
    gcs: FakeGcs
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        status, body = self.gcs.answer("GET", self.path)
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span and status == 200:
            first, last = int(span[1]), min(int(span[2] or len(body)), len(body) - 1)
            if first >= len(body):
                self._send(416, b"")
                return
            where = f"bytes {first}-{last}/{len(body)}"
            self._send(206, body[first : last + 1], {"Content-Range": where})
            return
        self._send(status, body)

    def do_DELETE(self) -> None:
        self._send(*self.gcs.answer("DELETE", self.path))

    def do_POST(self) -> None:
        body = self._body()
        if self.path.startswith("/batch/"):
            self._send(200, self._batch(body), {"Content-Type": f"multipart/mixed; boundary={_BOUNDARY}"})
        elif self.path.startswith("/upload/"):
            bucket = urlsplit(self.path).path.split("/")[-2]
            key = f"{bucket}/{json.loads(body)['name']}"
            upload = str(len(self.gcs.uploads))
            self.gcs.uploads[upload] = b""
            self._send(200, b"{}", {"Location": f"{self.gcs.url}/put/{upload}/{key}"})
        else:
            self._send(*self.gcs.answer("POST", self.path))

    def do_PUT(self) -> None:
        if self.gcs.failing("PUT"):
            self._body()
            self._send(403, b"{}")
            return
        _, _, upload, key = self.path.split("/", 3)
        data = self.gcs.uploads[upload] + self._body()
        self.gcs.uploads[upload] = data
        if self.headers["Content-Range"].endswith("/*"):
            self._send(308, b"", {"Range": f"bytes=0-{len(data) - 1}"})
            return
        self.gcs.objects[unquote(key)] = data
        self._send(200, self.gcs._resource(unquote(key)))

    def _batch(self, body: bytes) -> bytes:
        """Requests in one: https://cloud.google.com/storage/docs/batch."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        answers = []
        for part in message_from_bytes(head + body).walk():
            if part.is_multipart():
                continue
            method, path, _ = str(part.get_payload()).split(maxsplit=2)
            status, answer = self.gcs.answer(method, f"/{path.split('/', 3)[3]}" if "://" in path else path)
            answers.append(
                f"--{_BOUNDARY}\r\nContent-Type: application/http\r\n\r\n"
                f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n\r\n".encode()
                + answer
                + b"\r\n"
            )
        return b"".join(answers) + f"--{_BOUNDARY}--".encode()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            data = b""
            while size := int(self.rfile.readline(), 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
