"""What comes over the socket, byte by byte: framing, limits, keep-alive."""

from __future__ import annotations

import socket
import unittest

from bridge_adapter import Adapter, Answer, Call, Json, Limits
from bridge_adapter.testing import Client


def program() -> Adapter:
    app = Adapter("bytes", limits=Limits(head_bytes=2048, idle_seconds=10))

    @app.post("/echo")
    def echo(call: Call) -> Answer:
        return Answer(call.bytes(), content_type="application/octet-stream")

    @app.get("/short")
    def short(call: Call) -> dict[str, Json]:
        return {}

    @app.post("/unread")
    def unread(call: Call) -> dict[str, Json]:
        return {"read": False}

    fields: dict[str, dict[str, str]] = {
        "break": {"x-note": "a\r\nset-cookie: b"}, "nul": {"x-note": "a\0b"}, "length": {"Content-Length": "1"},
        "chunked": {"transfer-encoding": "chunked"}, "close": {"connection": "x"}, "colon": {"x: y": "b"},
        "name-break": {"x\r\nset-cookie": "b"}, "latin": {"\u0259": "b"},
    }

    @app.get("/injects/{how}")
    def injects(call: Call) -> Answer:
        return Answer(b"{}", fields=fields[call.path("how")])

    @app.endpoint("HEAD", "/short")
    def only_head(call: Call) -> dict[str, Json]:
        return {"fin": "MBXEHTV"}

    @app.endpoint("HEAD", "/rows")
    def head_of_rows(call: Call) -> Answer:
        return Answer.rows([{"fin": "MBXEHTV"}])

    @app.get("/status/{code}")
    def status(call: Call) -> Answer:
        return Answer.stream([b"not ", b"to be seen"], "text/plain", call.path("code", int))

    return app


GET = b"GET /call/short HTTP/1.1\r\nhost: adapter\r\n\r\n"
ECHO = b"POST /call/echo HTTP/1.1\r\nhost: adapter\r\n"


class Bytes(unittest.TestCase):
    def setUp(self) -> None:
        self.client = Client(program())
        self.client.__enter__()
        self.addCleanup(self.client.__exit__, None, None, None)

    def say(self, *pieces: bytes, end: bool = True) -> bytes:
        """Sends the pieces, each by itself, and reads until the program closes or nothing more is to come."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(30)
            stream.connect(self.client.path)
            for piece in pieces:
                stream.sendall(piece)
            if end:
                stream.shutdown(socket.SHUT_WR)
            got = b""
            while chunk := stream.recv(65536):
                got += chunk
            return got

    def test_one_connection_carries_many_calls_also_in_one_write(self) -> None:
        self.assertEqual(self.say(GET * 50).count(b"HTTP/1.1 200 OK\r\n"), 50)

    def test_a_request_may_come_in_pieces(self) -> None:
        request = ECHO + b"content-length: 6\r\n\r\ns\xc9\x99kki"
        pieces = [request[i : i + 1] for i in range(len(request))]
        self.assertTrue(self.say(*pieces).endswith(b"\r\n\r\ns\xc9\x99kki"))

    def test_chunks_are_put_together(self) -> None:
        chunks = b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nx-trailer: no\r\n\r\n"
        got = self.say(ECHO + chunks + GET)
        self.assertIn(b"\r\n\r\nabc0123456789HTTP/1.1 200 OK\r\n", got)

    def test_a_cut_body_has_no_answer(self) -> None:
        for cut in [b"content-length: 9\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n5\r\nab",
                    b"transfer-encoding: chunked\r\n\r\nzz\r\n"]:
            with self.subTest(cut):
                self.assertEqual(self.say(ECHO + cut), b"")

    def test_what_is_not_a_request_ends_the_connection_without_an_answer(self) -> None:
        wrong = [
            b"GET /call/short HTTP/1.1\r\nx: " + b"a" * 3000 + b"\r\n\r\n",
            b"GET /call/short HTTP/1.0\r\n\r\n", b"GET call HTTP/1.1\r\n\r\n", b"GET  /call/short HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\x00\xa5\r\n\r\n", b"GET /call/short HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /call/short HTTP/1.1\r\na: b\r\n folded\r\n\r\n", b"GET /call/short HTTP/1.1\r\nspace : b\r\n\r\n",
            ECHO + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\na", ECHO + b"content-length: +1\r\n\r\na",
            ECHO + b"content-length: 1\r\ncontent-length: 1\r\n\r\na", ECHO + b"transfer-encoding: gzip\r\n\r\na",
            b"GET /call/short HTTP/1.1\r\na: b\nx: y\r\n\r\n", b"GET /call/short HTTP/1.1\r\na: b\0\r\n\r\n",
            b"GET /call/short HTTP/1.1\r\na: b\rc\r\n\r\n",
            b"GET /call/short HTTP/1.1\r\nbridge-call-client: A\r\nBridge-Call-Client: B\r\n\r\n",
            b"GET /call/short HTTP/1.1\r\nx: " + b"a" * 80_000 + b"\r\n\r\n",
        ]
        for request in wrong:
            with self.subTest(request[:40]):
                try:
                    self.assertEqual(self.say(request), b"")
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the program closed before all was sent
        self.assertIn(b"200 OK", self.say(GET), "and the program goes on")

    def test_a_body_that_nobody_reads_does_not_become_the_next_request(self) -> None:
        body = GET * 3
        request = b"POST /call/unread HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        self.assertEqual(self.say(request + GET).count(b"HTTP/1.1 200 OK"), 2)

    def test_each_answer_and_error_says_to_which_call_it_is(self) -> None:
        ids = [b"4d0a3ff9-6bd0-4b6f-a1a5-0d8f4f1f7f1%d" % number for number in range(3)]
        paths = [b"/call/short", b"/call/nowhere", b"/call/status/200"]
        got = self.say(*(b"GET %s HTTP/1.1\r\nBridge-Call-Request-Id: %s\r\n\r\n" % one for one in zip(paths, ids)))
        answers = got.split(b"HTTP/1.1 ")[1:]
        self.assertEqual([answer.count(b"\r\nbridge-call-request-id: %s\r\n" % own) for answer, own in zip(answers, ids)], [1, 1, 1])
        self.assertNotIn(b"bridge-call-request-id", self.say(b"GET /health HTTP/1.1\r\n\r\n"))

    def test_connection_close_is_kept(self) -> None:
        closing = b"GET /call/short HTTP/1.1\r\nconnection: close\r\n\r\n"
        self.assertEqual(self.say(closing, end=False).count(b"200 OK"), 1)

    def test_a_field_with_a_line_break_is_never_written(self) -> None:
        for how in ["break", "nul", "length", "chunked", "close", "colon", "name-break", "latin"]:
            with self.subTest(how):
                self.assertEqual(self.say(b"GET /call/injects/%s HTTP/1.1\r\n\r\n" % how.encode()), b"")

    def test_an_answer_without_a_body_has_none_on_the_wire(self) -> None:
        for first in [b"HEAD /call/short", b"HEAD /call/rows", b"GET /call/status/204", b"GET /call/status/304",
                      b"HEAD /describe"]:
            with self.subTest(first):
                got = self.say(first + b" HTTP/1.1\r\n\r\n" + GET)
                head, _, rest = got.partition(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 "), got)
                self.assertTrue(rest.startswith(b"HTTP/1.1 200 OK\r\n"), got)
        self.assertIn(b"transfer-encoding", self.say(b"GET /call/status/200 HTTP/1.1\r\n\r\n"))

    def test_a_status_that_is_no_answers_ends_the_connection(self) -> None:
        for code in [100, 101, 199, 600, -1]:
            with self.subTest(code):
                self.assertEqual(self.say(b"GET /call/status/%d HTTP/1.1\r\n\r\n" % code), b"")


if __name__ == "__main__":
    unittest.main()
