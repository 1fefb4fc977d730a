"""A well-behaved program for tests of the protocol. Standard library only."""

import json
import os
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


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "node"

    def log_message(self, *_):
        pass

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
        if path == "/health":
            self.whole(200, {})
        elif path == "/describe":
            self.whole(200, DESCRIPTION)
        elif path == "/call/echo/facts":
            self.whole(200, {"target": self.path, "fields": {name.lower(): value for name, value in self.headers.items()}})
        elif path == "/call/echo/error":
            self.whole(502, {}, Bridge_Adapter_Error=self.path.partition("?")[2], Bridge_Adapter_Error_Reason="why \xe9" + "y" * 300)
        elif path == "/call/echo/wait":
            # Until the node closes the connection.
            self.connection.recv(1)
            LEFT.set()
        elif path == "/call/echo/left":
            self.whole(200, LEFT.wait(10))
        elif path == "/call/echo/end":
            os._exit(3)

    def do_POST(self):
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
