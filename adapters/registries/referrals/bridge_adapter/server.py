"""Listens, hands requests to workers, and drains.

One thread waits for connections and for requests on idle ones; a fixed number of workers do the
calls; one more answers health and description, so that they are told also when all workers are busy.
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable

from . import wire
from .http1 import Connection, Gone, Malformed
from .limits import Limits
from .log import Log

#: Serves one request that has come, and says whether the connection may be used again.
Serve = Callable[[Connection], bool]
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nbridge-adapter-error: busy\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_CONTROL = (f"GET {wire.HEALTH}".encode(), f"GET {wire.DESCRIBE}".encode())
_PEEK_BYTES = 16


class Server:
    """A listening Unix socket and its threads."""

    def __init__(self, path: str, serve: Serve, limits: Limits, log: Log) -> None:
        self._path, self._serve, self._limits, self._log = path, serve, limits, log
        self._calls: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        self._controls: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        self._returned: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.setblocking(False)
        self._stopping = False
        # Both belong to the waiting thread.
        self._open: set[Connection] = set()
        self._calling: set[Connection] = set()
        self._listener = self._listen()

    def stop(self) -> None:
        """Begins to drain. May be called from a signal handler and from any thread."""
        self._stopping = True
        self._wake_up()

    def stop_on(self, *signals: signal.Signals) -> None:
        """Drains when one of these comes. Main thread only."""
        # The system may give a signal to any thread; this wakes the waiting one, which alone may act on it.
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in signals:
            signal.signal(number, lambda *_: self.stop())

    def run(self) -> bool:
        """Serves until ``stop``, then lets calls end. Says whether all did in time."""
        threads = [self._start(self._calls, f"call-{number}") for number in range(self._limits.workers)]
        threads.append(self._start(self._controls, "control"))
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._stopping:
                for key, _ in selector.select():
                    self._ready(selector, key.fileobj)
        return self._drain(threads)

    # --- the waiting thread -----------------------------------------------------------------------

    def _listen(self) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(self._path)
        os.chmod(self._path, 0o660)
        listener.listen(128)
        listener.setblocking(False)
        return listener

    def _ready(self, selector: selectors.BaseSelector, what: object) -> None:
        if what is self._listener:
            self._accept(selector)
        elif what is self._woken:
            self._take_back(selector)
        elif isinstance(what, Connection):
            selector.unregister(what)
            self._hand_over(what)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        try:
            stream, _ = self._listener.accept()
        except OSError:
            return
        if len(self._open) >= self._limits.connections:
            stream.close()
            return
        connection = Connection(stream, self._limits.head_bytes, self._limits.idle_seconds)
        self._open.add(connection)
        selector.register(connection, selectors.EVENT_READ)

    def _take_back(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass
        while not self._returned.empty():
            connection = self._returned.get()
            self._calling.discard(connection)
            if not connection.reusable:
                self._close(connection)
            elif connection.waiting():
                self._hand_over(connection)
            else:
                selector.register(connection, selectors.EVENT_READ)

    def _hand_over(self, connection: Connection) -> None:
        try:
            begin = connection.stream.recv(_PEEK_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            begin = b""
        except OSError:
            return self._close(connection)
        if not begin and not connection.waiting():
            return self._close(connection)
        if begin.startswith(_CONTROL):
            self._controls.put(connection)
        elif len(self._calling) < self._limits.workers + self._limits.waiting:
            self._calling.add(connection)
            self._calls.put(connection)
        else:
            with contextlib.suppress(OSError):
                connection.stream.send(_BUSY, socket.MSG_DONTWAIT)
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._open.discard(connection)
        connection.close()

    def _wake_up(self) -> None:
        # A full pipe wakes as well.
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake.send(b"w")

    # --- the workers ------------------------------------------------------------------------------

    def _start(self, line: queue.SimpleQueue[Connection | None], name: str) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=(line,), name=name, daemon=True)
        thread.start()
        return thread

    def _work(self, line: queue.SimpleQueue[Connection | None]) -> None:
        while (connection := line.get()) is not None:
            try:
                connection.reusable = self._serve(connection) and connection.reusable
            except (Gone, Malformed):
                connection.reusable = False
            except Exception as error:
                self._log.failure("request failed", error)
                connection.reusable = False
            finally:
                if not connection.reusable:
                    # At once: the end of the connection is what tells the node that an answer is cut.
                    connection.close()
                self._returned.put(connection)
                self._wake_up()

    # --- the end ----------------------------------------------------------------------------------

    def _drain(self, threads: list[threading.Thread]) -> bool:
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        until = time.monotonic() + self._limits.drain_seconds
        for line, count in ((self._calls, self._limits.workers), (self._controls, 1)):
            for _ in range(count):
                # What waits in line comes before the end.
                line.put(None)
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0.001))
        drained = not any(thread.is_alive() for thread in threads)
        for connection in list(self._open):
            self._close(connection)
        self._wake.close()
        self._woken.close()
        return drained
