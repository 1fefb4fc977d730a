"""What a handler gives back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: A value that JSON can write.
Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
JSON = "application/json"


@dataclass(slots=True)
class Answer:
    """Status, body and header fields, where a plain ``dict`` would not do."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    content_type: str | None = JSON
    fields: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Json, status: int = 200) -> Answer:
        """A JSON body."""
        return cls(encode(value), status)

    @classmethod
    def rows(cls, rows: Iterable[Json], status: int = 200) -> Answer:
        """A JSON list that is written row by row, as the node reads it: memory stays small."""
        return cls(_list(rows), status)

    @classmethod
    def stream(cls, chunks: Iterable[bytes], content_type: str, status: int = 200) -> Answer:
        """A body of chunks. An exception half-way cuts the answer, and the node knows that it is cut."""
        return cls(iter(chunks), status, content_type)


#: What a handler may return: JSON, ``None`` (204), or an ``Answer``.
Returned = Answer | Mapping[str, Json] | Sequence[Json] | None


def answer_of(returned: object) -> Answer:
    """Makes an answer of what a handler returned. Raises ``TypeError`` for anything else."""
    if isinstance(returned, Answer):
        return returned
    if returned is None:
        return Answer(status=204, content_type=None)
    if isinstance(returned, Mapping | list | tuple):
        return Answer(encode(returned))
    raise TypeError(f"a handler returned {type(returned).__name__}; return a dict, a list, None or an Answer")


def encode(value: object) -> bytes:
    """JSON in UTF-8, without escapes for what UTF-8 can write, and without NaN."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def _list(rows: Iterable[Json]) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        yield before + encode(row)
        before = b","
    yield b"[]" if before == b"[" else b"]"
