"""The program: declares endpoints, and runs them behind the node."""

from __future__ import annotations

import json
import os
import signal
import sys
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from . import wire
from .answer import JSON, Answer, answer_of, encode
from .call import Call, split
from .errors import AdapterError, BadRequest, Cancelled, Failed, MethodNotAllowed, Refusal, RequestBody, TooLarge
from .http1 import Connection, Gone, Head
from .limits import Limits
from .log import Log
from .routes import Effect, Handler, Routes
from .server import Server

H = TypeVar("H", bound=Handler)
#: Says why the registry cannot be asked now, or ``None`` if it can.
Health = Callable[[], str | None]
_USAGE = 64
_WORDS_LIMIT = 200


class Adapter:
    """A program that connects one registry."""

    def __init__(
        self,
        name: str,
        *,
        openapi: Path | str | Mapping[str, Any] | None = None,
        limits: Limits | None = None,
        log: Log | None = None,
    ) -> None:
        """``name`` is the package's; ``openapi`` its document, or the path of it."""
        self.name = name
        self.limits = limits or Limits()
        self.log = log or Log()
        self._routes = Routes()
        self._openapi = _read(openapi)
        self._health: Health | None = None

    # --- declaring --------------------------------------------------------------------------------

    def service(self, code: str, title: str) -> None:
        """Gives a service a line for people. Without it the code stands for it."""
        self._routes.titles[code] = title

    def endpoint(self, method: str, path: str, *, effect: Effect | None = None) -> Callable[[H], H]:
        """Declares the function below as the handler of an endpoint; ``path`` is as in ``openapi.json``."""

        def declare(handler: H) -> H:
            self._routes.add(method, path, effect, handler)
            return handler

        return declare

    def get(self, path: str) -> Callable[[H], H]:
        """A question without a body: ``@app.get("/referral-status/{id}")``."""
        return self.endpoint("GET", path)

    def post(self, path: str, *, effect: Effect | None = None) -> Callable[[H], H]:
        """An effect, or a question with a body (``effect=Effect.READS``)."""
        return self.endpoint("POST", path, effect=effect)

    def put(self, path: str, *, effect: Effect | None = None) -> Callable[[H], H]:
        """An effect."""
        return self.endpoint("PUT", path, effect=effect)

    def patch(self, path: str, *, effect: Effect | None = None) -> Callable[[H], H]:
        """An effect."""
        return self.endpoint("PATCH", path, effect=effect)

    def delete(self, path: str, *, effect: Effect | None = None) -> Callable[[H], H]:
        """An effect."""
        return self.endpoint("DELETE", path, effect=effect)

    def health(self, hook: Health) -> Health:
        """Declares the function below as the health hook: a reason if calls would fail now, else ``None``."""
        self._health = hook
        return hook

    def describe(self) -> dict[str, Any]:
        """What the program says of itself."""
        described: dict[str, Any] = {"protocol": wire.PROTOCOL, "name": self.name, "services": self._routes.describe()}
        if self._openapi is not None:
            described["openapi"] = self._openapi
        return described

    # --- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Serves until SIGTERM, then lets calls end and leaves. The last line of a program."""
        path = os.environ.get(wire.ADAPTER_SOCKET)
        if not path:
            sys.stderr.write(
                f"{wire.ADAPTER_SOCKET} is not set: the node starts this program and sets it\n"
                "hint: try it with `bridge-node adapter check FOLDER` or `bridge-node sandbox FOLDER`\n"
            )
            sys.exit(_USAGE)
        named = os.environ.get(wire.ADAPTER_NAME, self.name)
        faults = self.faults()
        if named != self.name:
            faults.append(f"the package is {named}, the program says Adapter({self.name!r}): give both one name")
        if faults:
            sys.stderr.write("".join(f"{fault}\n" for fault in faults))
            sys.exit(_USAGE)
        server = self.server(path)
        server.stop_on(signal.SIGTERM, signal.SIGINT)
        self.log.info("started", endpoints=len(self._routes.endpoints))
        drained = server.run()
        self.log.info("ended", drained=drained)
        # Without the interpreter's own end, which would wait for a handler that hangs.
        sys.stderr.flush()
        os._exit(0 if drained else 1)

    def faults(self) -> list[str]:
        """What is wrong with the declarations; empty if nothing."""
        if not self._routes.endpoints:
            return [f"{self.name} declares no endpoint: write a function below @app.get(…)"]
        return [] if self._openapi is None else self._routes.disagreements(self._openapi)

    def server(self, path: str) -> Server:
        """Listens at a Unix socket. For tests, use ``bridge_adapter.testing``."""
        return Server(path, self._serve, self.limits, self.log)

    # --- one request ------------------------------------------------------------------------------

    def _serve(self, connection: Connection) -> bool:
        head = connection.read_head()
        if head is None:
            return False
        if head.target == wire.HEALTH:
            self._tell_health(connection)
        elif head.target == wire.DESCRIBE:
            _write(connection, Answer(encode(self.describe())))
        else:
            self._call(head, connection)
        connection.discard()
        return True

    def _tell_health(self, connection: Connection) -> None:
        try:
            reason = self._health() if self._health else None
        except Exception as error:
            self.log.failure("health hook failed", error)
            reason = "the health hook failed"
        facts = {} if reason is None else {"reason": _words(reason)}
        _write(connection, Answer(encode(facts), 200 if reason is None else 503))

    def _call(self, head: Head, connection: Connection) -> None:
        request_id = head.fields.get(wire.REQUEST_ID)
        try:
            answer = self._answer(head, connection)
        except (Cancelled, RequestBody) as error:
            raise Gone from error
        except AdapterError as error:
            _write(connection, _no_answer(error), request_id)
            return
        try:
            _write(connection, answer, request_id)
        except Gone:
            raise
        except Exception as error:
            # Half of the answer may be out: the connection's end says that it is cut.
            self.log.failure("answer cut", error)
            raise Gone from error

    def _answer(self, head: Head, connection: Connection) -> Answer:
        try:
            service, segments = split(head.target.partition("?")[0])
            endpoint, parameters = self._routes.find(head.method, service, segments)
            call = Call(head, connection, self.limits, parameters)
        except UnicodeDecodeError:
            raise BadRequest("path or query", "UTF-8") from None
        try:
            connection.bound(call.deadline)
            answer = answer_of(endpoint.handler(call))
            connection.bound(call.deadline)
        except (AdapterError, Gone):
            raise
        except Refusal as refusal:
            return Answer(encode({"error": refusal.word}), refusal.status)
        except Exception as error:
            self.log.failure("handler failed", error, method=head.method.lower())
            raise Failed(type(error).__name__) from error
        if isinstance(answer.body, bytes) and len(answer.body) > self.limits.answer_bytes:
            raise TooLarge(self.limits.answer_bytes)
        return answer


def _write(connection: Connection, answer: Answer, request_id: str | None = None) -> None:
    fields = [(name.lower(), value) for name, value in answer.fields.items()]
    if answer.content_type is not None:
        fields.append(("content-type", answer.content_type))
    if request_id is not None:
        # To which call this is: what comes late is then nobody else's answer.
        fields.append((wire.REQUEST_ID, request_id))
    connection.write(answer.status, fields, answer.body)


def _no_answer(error: AdapterError) -> Answer:
    fields = {wire.ADAPTER_ERROR: error.code}
    if isinstance(error, BadRequest):
        fields |= {wire.ERROR_PLACE: _words(error.place), wire.ERROR_EXPECTED: _words(error.expected)}
    elif isinstance(error, MethodNotAllowed):
        fields["allow"] = ", ".join(error.allowed)
    elif isinstance(error, TooLarge):
        fields[wire.ERROR_LIMIT] = str(error.limit)
    elif error.reason:
        fields[wire.ERROR_REASON] = _words(error.reason)
    # The node looks at the code alone; the status is for people who try the program by hand.
    return Answer(b"", 400 if isinstance(error, BadRequest) else 503, None, fields)


def _words(text: str) -> str:
    """Printable ASCII, as the protocol wants it: FİN becomes FIN."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return "".join(c if c.isprintable() else " " for c in plain)[:_WORDS_LIMIT]


def _read(openapi: Path | str | Mapping[str, Any] | None) -> dict[str, Any] | None:
    if openapi is None or isinstance(openapi, Mapping):
        return None if openapi is None else dict(openapi)
    document = json.loads(Path(openapi).read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError(f"{openapi} is not an OpenAPI document")
    return document
