"""A log without personal data: events and figures, never bodies.

A line is one JSON object on standard error, which the node takes over. What could be a value of a
call or of the registry is not written, whoever passes it: texts are written only if they are words
(lower-case Latin letters and ``-``), since no FİN, VÖEN, date, name, address or body has that form.
"""

from __future__ import annotations

import enum
import json
import re
import sys
import threading
import time
import traceback
import uuid
from typing import TextIO

_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*", re.ASCII)
_EVENT = re.compile(r"[a-z]+(?:[ -][a-z]+)*", re.ASCII)
_WORD_LIMIT = 40
_EVENT_LIMIT = 80
#: Stands where something was not written.
WITHHELD = "[withheld]"


class Log:
    """Writes events. ``app.log`` is one; all its methods may be called from any thread."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._lock = threading.Lock()

    def info(self, event: str, **facts: object) -> None:
        """Something that belongs to normal work: ``log.info("referral stored", status=201)``."""
        self._write("info", event, facts)

    def warn(self, event: str, **facts: object) -> None:
        """Something odd that was dealt with."""
        self._write("warn", event, facts)

    def error(self, event: str, **facts: object) -> None:
        """Something that an operator must act upon."""
        self._write("error", event, facts)

    def failure(self, event: str, error: BaseException, **facts: object) -> None:
        """An exception: its class and the lines it came through, not its text, which may hold values."""
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
        self._write("error", event, facts | {"error": error}, {"at": places})

    def _write(
        self,
        level: str,
        event: str,
        facts: dict[str, object],
        own: dict[str, list[str]] | None = None,
    ) -> None:
        plain = len(event) <= _EVENT_LIMIT and _EVENT.fullmatch(event) is not None
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "level": level,
            "event": event if plain else WITHHELD,
        }
        line.update({name: _shown(fact) for name, fact in facts.items()})
        line.update(own or {})
        text = json.dumps(line, separators=(",", ":")) + "\n"
        with self._lock:
            try:
                out = self._out or sys.stderr
                out.write(text)
                out.flush()
            except (OSError, ValueError):
                # A log that cannot be written must not end the call that wrote it.
                return


def _shown(fact: object) -> object:
    if isinstance(fact, BaseException):
        return type(fact).__name__
    if isinstance(fact, enum.Enum):
        return fact.name
    if isinstance(fact, uuid.UUID):
        return str(fact)
    if fact is None or isinstance(fact, bool | float):
        return fact
    if isinstance(fact, int):
        # A VÖEN or a telephone number is a number as well.
        return fact if abs(fact) < 10_000_000 else WITHHELD
    if isinstance(fact, str) and len(fact) <= _WORD_LIMIT and _WORD.fullmatch(fact):
        return fact
    return WITHHELD
