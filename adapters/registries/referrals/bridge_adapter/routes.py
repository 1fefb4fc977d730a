"""Which handler takes a call, and what the program says of itself."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .answer import Returned
from .call import Call
from .errors import MethodNotAllowed, NoSuchPath

Handler = Callable[[Call], Returned]
_PARAMETER = re.compile(r"\{([A-Za-z0-9_-]+)\}")
_SAFE = ("GET", "HEAD", "OPTIONS")


class Effect(enum.Enum):
    """What a call changes in the registry."""

    #: Nothing: it may be asked again.
    READS = "reads"
    #: Perhaps something, and nobody remembers that it was done.
    UNKNOWN = "unknown"
    #: Something, stored in one transaction with the key and the answer: see ``once``.
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One declared endpoint."""

    method: str
    #: As in ``openapi.json``: ``/referral-status/{id}``.
    path: str
    effect: Effect
    handler: Handler

    @property
    def service(self) -> str:
        """The first segment."""
        return self.path.split("/")[1]

    @property
    def rest(self) -> str:
        """What follows the service code."""
        return self.path[len(self.service) + 1 :]

    @property
    def segments(self) -> list[str]:
        """The segments after the service code."""
        return self.path.split("/")[2:]

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The parameters' values, if the path fits."""
        if len(segments) != len(self.segments):
            return None
        values: dict[str, str] = {}
        for own, given in zip(self.segments, segments, strict=True):
            parameter = _PARAMETER.fullmatch(own)
            if parameter is None and own != given or parameter is not None and not given:
                return None
            if parameter is not None:
                values[parameter[1]] = given
        return values

    def precedence(self) -> list[tuple[bool, str]]:
        """Sorts literals before parameters; equal for two that take the same paths."""
        return [(True, "") if _PARAMETER.fullmatch(part) else (False, part) for part in self.segments]


class Routes:
    """All endpoints of a program."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []
        self.titles: dict[str, str] = {}

    def add(self, method: str, path: str, effect: Effect | None, handler: Handler) -> None:
        """Declares an endpoint; what is wrong with it is said at once."""
        parts = path.split("/")[1:]
        if not path.startswith("/") or not parts[0] or "{" in parts[0]:
            raise ValueError(f"{path!r}: begin with / and the service code")
        for part in parts[1:]:
            if ("{" in part or "}" in part) and not _PARAMETER.fullmatch(part):
                raise ValueError(f"{path!r}: a parameter is a whole segment of letters, digits, _ and -")
        effect = effect or (Effect.READS if method in _SAFE else Effect.UNKNOWN)
        if method in _SAFE and effect is not Effect.READS:
            raise ValueError(f"{method} {path}: a {method} has no effect; use POST, PUT, PATCH or DELETE")
        endpoint = Endpoint(method, path, effect, handler)
        for other in self.endpoints:
            same = (other.method, other.service, other.precedence())
            if same == (method, endpoint.service, endpoint.precedence()):
                raise ValueError(f"{method} {path} is declared twice")
        self.endpoints.append(endpoint)
        self.endpoints.sort(key=lambda one: one.precedence())

    def find(self, method: str, service: str, segments: list[str]) -> tuple[Endpoint, dict[str, str]]:
        """The endpoint and its path parameters. Raises ``NoSuchPath`` or ``MethodNotAllowed``."""
        allowed: list[str] = []
        taken: list[tuple[bool, str]] | None = None
        for endpoint in self.endpoints:
            values = endpoint.match(segments) if endpoint.service == service else None
            # A literal hides a parameter, also for methods that only the parameter takes.
            if values is None or taken not in (None, endpoint.precedence()):
                continue
            if endpoint.method == method:
                return endpoint, values
            taken = endpoint.precedence()
            allowed.append(endpoint.method)
        if allowed:
            raise MethodNotAllowed(sorted(allowed))
        raise NoSuchPath

    def describe(self) -> list[dict[str, Any]]:
        """The services with their endpoints, in the order of their titles and declarations."""
        codes = list(self.titles) + [endpoint.service for endpoint in self.endpoints]
        return [
            {
                "code": code,
                "title": self.titles.get(code, code),
                "endpoints": [
                    {"method": one.method, "path": one.rest, "effect": one.effect.value}
                    for one in self.endpoints
                    if one.service == code
                ],
            }
            for code in dict.fromkeys(codes)
        ]

    def disagreements(self, openapi: Mapping[str, Any]) -> list[str]:
        """Where the program and its OpenAPI document do not say the same."""
        described = {
            (method.upper(), path)
            for path, item in openapi.get("paths", {}).items()
            for method in item
            if method in ("get", "put", "post", "delete", "options", "head", "patch", "trace")
        }
        own = {(endpoint.method, endpoint.path) for endpoint in self.endpoints}
        faults = [f"{m} {p} has no path in openapi.json: describe it there" for m, p in own - described]
        faults += [f"{m} {p} stands in openapi.json: write a function for it" for m, p in described - own]
        return sorted(faults)
