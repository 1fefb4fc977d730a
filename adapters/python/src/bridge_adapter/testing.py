"""Asks a program as the node would, over a real socket: for the tests of your adapter."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import tempfile
import threading
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from . import wire
from .adapter import Adapter
from .answer import JSON, Json, encode


@dataclass(frozen=True, slots=True)
class Got:
    """What came."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> str | None:
        """The code of the adapter's error; ``None`` if this is an answer."""
        return self.fields.get(wire.ADAPTER_ERROR)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Client:
    """``with Client(app) as client: client.get("/referral-status/7").json()``."""

    def __init__(self, app: Adapter, *, client: str = "AZ/GOV/9001/TEST", purpose: str = "test") -> None:
        """``client`` and ``purpose`` are what the node would have established."""
        self._app, self._client, self._purpose = app, client, purpose
        self._folder = tempfile.TemporaryDirectory(prefix="adapter-")
        self.path = os.path.join(self._folder.name, "adapter.sock")
        self._server = app.server(self.path)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Self:
        if faults := self._app.faults():
            raise AssertionError("\n".join(faults))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop()
        self._thread.join()
        self._folder.cleanup()

    def get(self, path: str, **facts: str) -> Got:
        """Asks for ``/{service}{rest}``; ``facts`` are those of the caller: ``purpose="audit"``."""
        return self.ask("GET", path, None, **facts)

    def post(self, path: str, body: Json = None, *, key: str | None = None, **facts: str) -> Got:
        """Sends JSON; ``key`` is the idempotency key."""
        return self.ask("POST", path, encode(body), key=key, **facts)

    def ask(self, method: str, path: str, body: bytes | None, *, key: str | None = None, **facts: str) -> Got:
        """Any request."""
        fields = {wire.CLIENT: self._client, wire.PURPOSE: self._purpose, wire.DEADLINE_MS: "10000"}
        fields[wire.REQUEST_ID] = str(uuid.uuid4())
        for name, fact in facts.items():
            fields[f"bridge-call-{name.replace('_', '-')}"] = urllib.parse.quote(fact, safe="/@:.,- ")
        if body is not None:
            fields["content-type"] = JSON
        if key is not None:
            fields[wire.IDEMPOTENCY_KEY] = key
            fields[wire.CONTENT] = hashlib.sha256(repr((method, path, body)).encode()).hexdigest()[:43]
        return self.send(method, wire.CALL.rstrip("/") + path, body, fields)

    def send(self, method: str, target: str, body: bytes | None, fields: Mapping[str, str]) -> Got:
        """A request as it stands."""
        connection = _OverSocket(self.path)
        try:
            connection.request(method, target, body, dict(fields))
            response = connection.getresponse()
            got = {name.lower(): value for name, value in response.getheaders()}
            asked, named = fields.get(wire.REQUEST_ID), got.pop(wire.REQUEST_ID, None)
            if named != asked and not (named is None and wire.ADAPTER_ERROR in got):
                raise AssertionError(f"the answer is to {named}, the node asked as {asked}")
            return Got(response.status, got, response.read())
        finally:
            connection.close()


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("adapter", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(30)
        self.sock.connect(self._path)
