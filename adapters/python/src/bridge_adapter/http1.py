"""The part of HTTP/1.1 that a node and a program speak over a Unix socket, and nothing more.

Standard: RFC 9112.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .errors import RequestBody

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
#: No control character but the tab. Standard: RFC 9110 §5.5.
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,15}")
_RECEIVE_BYTES = 64 * 1024
_LINE_BYTES = 1024
#: What is read of a body that nobody wanted, so that the answer is not lost with the connection.
_DISCARD_BYTES = 4 * 1024 * 1024

#: Fields that say where an answer ends: written here only.
_FRAMING = ("content-length", "transfer-encoding", "connection", "trailer", "upgrade")
_REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


class Malformed(Exception):
    """What came is not a request that may be answered; the connection ends."""


class Gone(Exception):
    """The node closed the connection, or stopped reading."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request's line and fields, names in lower case."""

    method: str
    target: str
    fields: dict[str, str]


class Connection:
    """One connection of the node, read and written by one thread at a time."""

    def __init__(self, stream: socket.socket, head_bytes: int, idle_seconds: float) -> None:
        self.stream = stream
        self._head_bytes = head_bytes
        self._idle = idle_seconds
        self._buffer = bytearray()
        self._until: float | None = None
        self._body: Iterator[bytes] | None = None
        self._body_ended = True
        self._bodiless = False
        #: Whether another request may follow.
        self.reusable = True

    def fileno(self) -> int:
        """For a selector."""
        return self.stream.fileno()

    def close(self) -> None:
        """Closes it; harmless twice."""
        self.stream.close()

    def bound(self, until: float | None) -> None:
        """Reading and writing end at this moment of ``time.monotonic`` at the latest."""
        self._until = until

    def waiting(self) -> bool:
        """Whether bytes of another request are here already."""
        return bool(self._buffer)

    def gone(self) -> bool:
        """Whether the node has closed the connection: nobody waits for the answer."""
        try:
            readable, _, _ = select.select([self.stream], [], [], 0)
            return bool(readable) and self.stream.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except (OSError, ValueError):
            return True

    # --- reading ----------------------------------------------------------------------------------

    def read_head(self) -> Head | None:
        """The next request; ``None`` if the node closed between two."""
        self._until = None
        end = self._buffer.find(b"\r\n\r\n")
        while end < 0:
            if len(self._buffer) > self._head_bytes:
                raise Malformed("head too large")
            if not self._receive():
                if self._buffer:
                    raise Malformed("cut in the head")
                return None
            end = self._buffer.find(b"\r\n\r\n")
        if end > self._head_bytes:
            raise Malformed("head too large")
        head = _parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        self._begin_body(head)
        # A body behind an answer that has none would be read as the beginning of the next one. Standard: RFC 9112 §6.3.
        self._bodiless = head.method == "HEAD"
        return head

    def body(self) -> Iterator[bytes]:
        """The body's chunks, as they come. Raises ``RequestBody`` if it is cut."""
        return self._body if self._body is not None else iter(())

    def discard(self) -> None:
        """Reads the rest of the body, so that the next request begins where it should."""
        read = 0
        try:
            for chunk in self.body():
                read += len(chunk)
                if read > _DISCARD_BYTES:
                    break
        except (RequestBody, Gone):
            pass
        self.reusable = self.reusable and self._body_ended

    def _begin_body(self, head: Head) -> None:
        length, coding = head.fields.get("content-length"), head.fields.get("transfer-encoding")
        self.reusable = head.fields.get("connection", "").lower() != "close"
        self._body_ended = False
        if coding is not None:
            if length is not None or coding.lower() != "chunked":
                raise Malformed("framing")
            self._body = self._chunks()
        elif length is None:
            self._body, self._body_ended = None, True
        elif _LENGTH.fullmatch(length.encode()):
            self._body = self._exactly(int(length))
        else:
            raise Malformed("length")

    def _exactly(self, left: int) -> Iterator[bytes]:
        while left:
            chunk = self._take(left)
            left -= len(chunk)
            self._body_ended = left == 0
            yield chunk
        self._body_ended = True

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = self._line().split(b";", 1)[0].strip()
            if not _CHUNK.fullmatch(size):
                raise RequestBody("chunk")
            left = int(size, 16)
            if left == 0:
                while self._line():
                    pass  # trailers carry nothing here
                self._body_ended = True
                return
            while left:
                chunk = self._take(left)
                left -= len(chunk)
                yield chunk
            if self._line():
                raise RequestBody("chunk")

    def _take(self, most: int) -> bytes:
        if not self._buffer and not self._receive():
            raise RequestBody("cut")
        chunk = bytes(self._buffer[:most])
        del self._buffer[: len(chunk)]
        return chunk

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > _LINE_BYTES or not self._receive():
                raise RequestBody("cut")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _receive(self) -> bool:
        try:
            self.stream.settimeout(self._patience())
            chunk = self.stream.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise Gone from error
        self._buffer += chunk
        return bool(chunk)

    # --- writing ----------------------------------------------------------------------------------

    def write(self, status: int, fields: Iterable[tuple[str, str]], body: bytes | Iterator[bytes]) -> None:
        """Writes an answer. If the iterator fails, the answer stays without an end: it is cut."""
        if not 200 <= status <= 599:
            raise ValueError("a status is 200 to 599")
        lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
        lines += [_field(name, value) for name, value in fields]
        empty = status in (204, 304)
        if isinstance(body, bytes):
            if not empty:
                lines.append(f"content-length: {len(body)}")
            self._send(_head(lines) + (b"" if empty or self._bodiless else body))
            return
        if not empty:
            lines.append("transfer-encoding: chunked")
        self._send(_head(lines))
        if empty or self._bodiless:
            return
        for chunk in body:
            if chunk:
                self._send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self._send(b"0\r\n\r\n")

    def _send(self, data: bytes) -> None:
        try:
            self.stream.settimeout(self._patience())
            self.stream.sendall(data)
        except OSError as error:
            raise Gone from error

    def _patience(self) -> float:
        if self._until is None:
            return self._idle
        # 0 would mean: do not block at all.
        return min(self._idle, max(self._until - time.monotonic(), 0.001))


def _parse_head(text: bytes) -> Head:
    first, *rest = text.split(b"\r\n")
    parts = first.split(b" ")
    if len(parts) != 3 or parts[2] != b"HTTP/1.1":
        raise Malformed("line")
    method, target, _ = parts
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target):
        raise Malformed("line")
    fields: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise Malformed("field")
        key = name.decode("ascii").lower()
        if key in fields and (key in _FRAMING or key.startswith("bridge-")):
            raise Malformed("field twice")
        if not _VALUE.fullmatch(value):
            raise Malformed("field")
        text_value = value.strip(b" \t").decode("utf-8", "surrogateescape")
        fields[key] = f"{fields[key]}, {text_value}" if key in fields else text_value
    return Head(method.decode("ascii"), target.decode("ascii"), fields)


def _field(name: str, value: str) -> str:
    if name.lower() in _FRAMING or not _TOKEN.fullmatch(name.encode("utf-8", "surrogateescape")):
        raise ValueError("a field's name is not one that a handler may write")
    if not _VALUE.fullmatch(value.encode("utf-8", "surrogateescape")):
        raise ValueError("a field's value holds a line break or another control character")
    return f"{name}: {value}"


def _head(lines: list[str]) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
