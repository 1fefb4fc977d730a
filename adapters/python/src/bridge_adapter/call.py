"""What the node asks: one query, already verified, authorised and journaled."""

from __future__ import annotations

import json
import math
import re
import time
import typing
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from . import registry, wire
from .convert import from_json, from_text
from .errors import BadRequest, Cancelled, TimedOut, TooLarge
from .http1 import Connection, Head
from .limits import Limits

T = TypeVar("T")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _Required:
    """Stands for a parameter without a default."""


_REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks and for what, as the node established it. Not what the caller says of itself."""

    #: The subsystem that asks: ``AZ/GOV/2001/TAX``.
    client: str
    #: The exchange's X-Road-Request-Id, the one to log.
    request_id: uuid.UUID | None
    purpose: str | None = None
    legal_basis: str | None = None
    #: The end user, as the consumer names them.
    user_id: str | None = None
    #: Whom the caller acts for.
    represented_party: str | None = None
    #: The caller's own file number.
    issue: str | None = None
    #: The contract that allows the call, ``{id}@{digest}``.
    contract: str | None = None


class Call:
    """One query on its way to your registry."""

    def __init__(self, head: Head, connection: Connection, limits: Limits, parameters: Mapping[str, str]) -> None:
        self._head = head
        self._connection = connection
        self._limits = limits
        self._parameters = parameters
        path, _, query = head.target.partition("?")
        self.service, self.segments = split(path)
        self._query = urllib.parse.parse_qsl(query, keep_blank_values=True, errors="strict")
        left = head.fields.get(wire.DEADLINE_MS, "")
        #: The moment of ``time.monotonic`` after which nobody waits.
        self.deadline: float | None = time.monotonic() + int(left) / 1000 if left.isdigit() else None

    # --- what is asked ----------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """``GET``, ``POST``, …"""
        return self._head.method

    @property
    def fields(self) -> Mapping[str, str]:
        """The header fields that the registry may see, names in lower case."""
        return {name: value for name, value in self._head.fields.items() if not name.startswith("bridge-")}

    @typing.overload
    def path(self, name: str) -> str: ...
    @typing.overload
    def path(self, name: str, kind: type[T]) -> T: ...
    def path(self, name: str, kind: Any = str) -> Any:
        """The path parameter ``{name}``, decoded: ``call.path("fin", Fin)``."""
        return from_text(self._parameters[name], kind, f"path segment {name}")

    @typing.overload
    def query(self, name: str) -> str: ...
    @typing.overload
    def query(self, name: str, kind: type[T]) -> T: ...
    @typing.overload
    def query(self, name: str, kind: type[T], default: None) -> T | None: ...
    @typing.overload
    def query(self, name: str, kind: type[T], default: T) -> T: ...
    def query(self, name: str, kind: Any = str, default: Any = _REQUIRED) -> Any:
        """The query parameter ``name``: ``call.query("at", date, None)``. Without a default it must be there."""
        values = self.queries(name)
        if len(values) > 1:
            raise BadRequest(f"query {name}", "one value")
        if values:
            return from_text(values[0], kind, f"query {name}")
        if default is _REQUIRED:
            raise BadRequest(f"query {name}", "a value")
        return default

    def queries(self, name: str) -> list[str]:
        """All values of a query parameter that may repeat."""
        return [value for key, value in self._query if key == name]

    # --- the body ---------------------------------------------------------------------------------

    def stream(self) -> Iterator[bytes]:
        """The body's chunks as they come, however many. Once."""
        return self._connection.body()

    def bytes(self) -> bytes:
        """The body whole, up to the limit ``request_bytes``."""
        whole = bytearray()
        for chunk in self.stream():
            whole += chunk
            if len(whole) > self._limits.request_bytes:
                raise TooLarge(self._limits.request_bytes)
        return bytes(whole)

    def json(self) -> Any:
        """The body as JSON: no member twice, no NaN, no infinity, no half characters, no deep nesting."""
        kind = self._head.fields.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise BadRequest("content-type", "application/json")
        try:
            text = self.bytes().decode("utf-8")
            value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
            if _SURROGATE.search(text):
                # Half of a pair is no character: no registry could store it, no answer could hold it.
                json.dumps(value, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError):
            raise BadRequest("body", "JSON") from None
        if _deeper(value, self._limits.json_depth):
            raise BadRequest("body", f"JSON of at most {self._limits.json_depth} levels")
        return value

    def body(self, kind: type[T]) -> T:
        """The JSON body as a dataclass (or list, dict, …): ``call.body(NewReferral)``."""
        return from_json(self.json(), kind, "body")

    # --- who asks, and until when -----------------------------------------------------------------

    @property
    def caller(self) -> Caller:
        """Who asks and for what."""
        fields = {name: _decoded(self._head.fields[name]) for name in wire.FACTS if name in self._head.fields}
        request_id = fields.get(wire.REQUEST_ID)
        return Caller(
            client=fields.get(wire.CLIENT, ""),
            request_id=uuid.UUID(request_id) if request_id else None,
            purpose=fields.get(wire.PURPOSE),
            legal_basis=fields.get(wire.LEGAL_BASIS),
            user_id=fields.get(wire.USER_ID),
            represented_party=fields.get(wire.REPRESENTED_PARTY),
            issue=fields.get(wire.ISSUE),
            contract=fields.get(wire.CONTRACT),
        )

    @property
    def idempotency_key(self) -> str | None:
        """The key under which an effect is stored once. See ``bridge_adapter.once``."""
        return self._head.fields.get(wire.IDEMPOTENCY_KEY)

    @property
    def content_digest(self) -> str | None:
        """The digest of what is asked, beside the key: another one under the same key is another request."""
        return self._head.fields.get(wire.CONTENT)

    def time_left(self) -> float | None:
        """Seconds until nobody waits; give it to your registry as its time-out. ``None`` without a deadline."""
        return None if self.deadline is None else max(self.deadline - time.monotonic(), 0.0)

    def check(self) -> None:
        """Ends long work that nobody waits for: raises ``TimedOut`` or ``Cancelled``."""
        if self.time_left() == 0.0:
            raise TimedOut
        if self._connection.gone():
            raise Cancelled

    @property
    def registry(self) -> str | None:
        """The path of the socket that leads to the registry. See ``bridge_adapter.connect``."""
        return registry.registry_path()


def split(path: str) -> tuple[str, list[str]]:
    """Service code and decoded segments of ``/call/{service}{rest}``."""
    code, slash, rest = path.removeprefix(wire.CALL).partition("/")
    segments = rest.split("/") if slash else []
    return _decoded(code), [_decoded(segment) for segment in segments]


def _decoded(segment: str) -> str:
    return urllib.parse.unquote_to_bytes(segment).decode("utf-8")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a member twice")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("beyond what a number can be")
    return number


def _no_constant(_: str) -> Any:
    raise ValueError("not JSON")


def _deeper(value: object, levels: int) -> bool:
    """Whether it nests deeper; walked without recursion."""
    layer = [value]
    for _ in range(levels):
        inner = [part for part in layer if isinstance(part, dict | list)]
        layer = [item for part in inner for item in (part.values() if isinstance(part, dict) else part)]
        if not layer:
            return False
    return any(isinstance(part, dict | list) for part in layer)
