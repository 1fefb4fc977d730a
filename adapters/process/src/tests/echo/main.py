"""A well-behaved program for tests of the protocol. Standard library only."""

import json
import os
import select
import socketserver
import threading
from http.server import BaseHTTPRequestHandler

DESCRIPTION = {
    "protocol": 1,
    "name": os.environ["BRIDGE_ADAPTER_NAME"],
    "services": [
        {
            "code": "echo",
            "endpoints": [
                {"method": "GET", "path": "/{what}"},
                {"method": "POST", "path": "/body"},
                {"method": "POST", "path": "/keep", "effect": "stored"},
            ],
        }
    ],
}
LEFT = threading.Event()
EARLY = threading.Semaphore(0)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "node"

    def log_message(self, *_):
        pass

    def send_response(self, *arguments):
        super().send_response(*arguments)
        for name in self.named():
            self.send_header("Bridge-Call-Request-Id", name)

    def named(self):
        """The call that an answer is to, if it is to one."""
        own = self.headers.get_all("Bridge-Call-Request-Id", [])
        stale = "00000000-0000-4000-8000-000000000000"
        said = self.path.partition("?")[2].partition(":")[0] if self.path.startswith("/call/echo/named") else ""
        return {"none": [], "other": [stale], "both": own + [stale], "twice": own * 2}.get(said, own)

    def whole(self, status, value, **fields):
        text = json.dumps(value).encode()
        self.send_response(status)
        for name, field in fields.items():
            self.send_header(name.replace("_", "-"), field)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        path = self.path.partition("?")[0]
        if late := self.__dict__.pop("late", None):
            self.wfile.write(late)
        if path == "/health":
            self.whole(200, {})
        elif path == "/describe":
            self.whole(200, DESCRIPTION)
        elif path == "/call/echo/facts":
            self.whole(200, {"target": self.path, "fields": {name.lower(): value for name, value in self.headers.items()}})
        elif path == "/call/echo/error":
            self.whole(502, {}, Bridge_Adapter_Error=self.path.partition("?")[2], Bridge_Adapter_Error_Reason="why \xe9" + "y" * 300)
        elif path == "/call/echo/named":
            code = self.path.partition(":")[2]
            self.whole(200, "named", **({"Bridge_Adapter_Error": code} if code else {}))
        elif path == "/call/echo/late":
            # Once now, and once more when the next call is here.
            self.late = b"HTTP/1.1 200 OK\r\nBridge-Call-Request-Id: %s\r\nContent-Length: 6\r\n\r\n\"late\"" % self.named()[0].encode()
            self.whole(200, "late")
        elif path == "/call/echo/head":
            # So many fields of so many bytes, with those of every answer.
            count, length = map(int, self.path.partition("?")[2].split("x"))
            self.whole(200, "head", **{f"X_{number}": "a" * length for number in range(count)})
        elif path == "/call/echo/wait":
            # Until the node closes the connection.
            self.connection.recv(1)
            LEFT.set()
        elif path == "/call/echo/left":
            self.whole(200, LEFT.wait(10))
        elif path == "/call/echo/end":
            os._exit(3)
        elif path == "/call/echo/interim":
            count = int(self.path.partition("?")[2])
            self.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n" * count)
            self.whole(200, count)
        elif path == "/call/echo/coded":
            # Framings whose end is that of the connection, or is in two places.
            fields = {"gzip": b"Transfer-Encoding: gzip", "identity": b"Transfer-Encoding: identity",
                      "twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                      "last": b"Transfer-Encoding: gzip, chunked", "first": b"Transfer-Encoding: chunked, gzip",
                      "both": b"Transfer-Encoding: chunked\r\nContent-Length: 2"}[self.path.partition("?")[2]]
            own = b"Bridge-Call-Request-Id: " + self.headers["Bridge-Call-Request-Id"].encode() + b"\r\n"
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + own + fields + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
            self.close_connection = True
        elif path == "/call/echo/early":
            self.whole(200, EARLY.acquire(timeout=10))

    def do_POST(self):
        if self.path == "/call/echo/body?early":
            # Before the request is here, and the rest of it is never read.
            self.whole(200, "early")
            self.wfile.flush()
            # Nothing is read; the end of the connection is still told.
            poll = select.poll()
            poll.register(self.connection, 0)
            while not poll.poll():
                pass
            EARLY.release()
            self.close_connection = True
            return
        if self.path == "/call/echo/keep":
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.whole(200, {name.lower(): value for name, value in self.headers.items()})
            return
        # Each piece goes back as soon as it has come.
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read1(min(left, 65536))
            left -= len(piece)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


Server(os.environ["BRIDGE_ADAPTER_SOCKET"], Handler).serve_forever()
