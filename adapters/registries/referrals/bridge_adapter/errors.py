"""Why a call has no answer, and the answers that a handler may raise.

An ``AdapterError`` says that there is no answer; its code goes to the node, which tells the caller's
side in its own words. A ``NotFound`` or ``Conflict`` *is* the registry's answer. Neither may hold a
value of the call or of the registry: both are logged.
"""

from __future__ import annotations

from typing import ClassVar


class AdapterError(Exception):
    """There is no answer. ``code`` is the word of the protocol."""

    code: ClassVar[str] = "failed"

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason or self.code)
        self.reason = reason


class BadRequest(AdapterError):
    """The request does not have the form that the service asks for."""

    code = "bad-request"

    def __init__(self, place: str, expected: str) -> None:
        """``place`` is like ``path segment id``, ``query at`` or ``body /fin``."""
        super().__init__(f"{place}: expected {expected}")
        self.place = place
        self.expected = expected


class NoSuchPath(AdapterError):
    """The service has no such path. Raised by the router."""

    code = "not-found"


class MethodNotAllowed(AdapterError):
    """The service has the path, but not for this method. Raised by the router."""

    code = "method-not-allowed"

    def __init__(self, allowed: list[str]) -> None:
        super().__init__("the path takes " + ", ".join(allowed))
        self.allowed = allowed


class RequestBody(AdapterError):
    """The request body ended before its end: the node cut it, and nothing is sent."""

    code = "request-body"


class TooLarge(AdapterError):
    """The request or the answer has more bytes than were allowed."""

    code = "too-large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class Unreachable(AdapterError):
    """The registry cannot be reached."""

    code = "unreachable"


class TimedOut(AdapterError):
    """The registry did not answer before the deadline."""

    code = "timed-out"


class Busy(AdapterError):
    """The registry has too many calls."""

    code = "busy"


class Cut(AdapterError):
    """The registry closed the connection before it answered."""

    code = "cut"


class NotUnderstood(AdapterError):
    """The registry's answer does not have the form that was agreed."""

    code = "not-understood"


class Failed(AdapterError):
    """The registry failed while it worked on the call. ``reason`` is its own code."""

    code = "failed"


class Cancelled(AdapterError):
    """Nobody waits for the answer any more; nothing is sent."""

    code = "cancelled"


class Reused(AdapterError):
    """The idempotency key was used before, for other content."""

    code = "key-reused"


class Refusal(Exception):
    """An answer of the registry that is not a success: status and a word for it."""

    status: ClassVar[int] = 400

    def __init__(self, word: str) -> None:
        """``word`` is a stable code of your service, such as ``already-closed``."""
        super().__init__(word)
        self.word = word


class NotFound(Refusal):
    """The registry has no such record: 404."""

    status = 404

    def __init__(self, word: str = "not-found") -> None:
        super().__init__(word)


class Forbidden(Refusal):
    """The registry does not show this record to this caller: 403."""

    status = 403

    def __init__(self, word: str = "forbidden") -> None:
        super().__init__(word)


class Conflict(Refusal):
    """The record's state does not allow it: 409."""

    status = 409


class Unprocessable(Refusal):
    """The request has the right form, but the registry's rules do not allow it: 422."""

    status = 422
