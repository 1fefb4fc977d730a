"""Connects a registry to a bridge node, as a program of its own.

    from bridge_adapter import Adapter, Call, NotFound

    app = Adapter("referrals", openapi="openapi.json")

    @app.get("/referral-status/{id}")
    def status(call: Call) -> dict[str, str]:
        row = find(call.path("id"))
        if row is None:
            raise NotFound
        return {"state": row.state}

    if __name__ == "__main__":
        app.run()

The node has verified, authorised and journaled a call before it comes here, and cuts the answer to
the contract before it leaves. The program holds no keys and reaches nothing but its registry.
"""

from .adapter import Adapter
from .answer import Answer, Json, Returned
from .call import Call, Caller
from .convert import Fin, Form, Voen
from .effects import once, prepare
from .errors import (
    AdapterError,
    BadRequest,
    Busy,
    Cancelled,
    Conflict,
    Cut,
    Failed,
    Forbidden,
    MethodNotAllowed,
    NoSuchPath,
    NotFound,
    NotUnderstood,
    Refusal,
    RequestBody,
    Reused,
    TimedOut,
    TooLarge,
    Unprocessable,
    Unreachable,
)
from .limits import Limits
from .log import Log
from .registry import connect, registry_path
from .routes import Effect

__version__ = "0.1.0"

__all__ = [
    "Adapter", "AdapterError", "Answer", "BadRequest", "Busy", "Call", "Caller", "Cancelled", "Conflict",
    "Cut", "Effect", "Failed", "Fin", "Forbidden", "Form", "Json", "Limits", "Log", "MethodNotAllowed",
    "NoSuchPath", "NotFound", "NotUnderstood", "Refusal", "RequestBody", "Returned", "Reused", "TimedOut",
    "TooLarge", "Unprocessable", "Unreachable", "Voen", "connect", "once", "prepare", "registry_path",
]
