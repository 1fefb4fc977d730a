"""Calls over a real socket: what a handler sees, and what the node gets."""

from __future__ import annotations

import datetime as dt
import enum
import threading
import unittest
from collections.abc import Iterator
from dataclasses import dataclass

from bridge_adapter import Adapter, Answer, BadRequest, Busy, Call, Conflict, Fin, Json, Limits, NotFound
from bridge_adapter.testing import Client


class Urgency(enum.Enum):
    LOW = "low"
    HIGH = "high"


@dataclass
class Item:
    name: str
    count: int


@dataclass
class Order:
    fin: Fin
    due: dt.date
    items: list[Item]
    urgency: Urgency = Urgency.LOW
    note: str | None = None


def program(limits: Limits | None = None) -> Adapter:
    app = Adapter("trial", limits=limits)

    @app.get("/person/{fin}")
    def person(call: Call) -> dict[str, Json]:
        if call.path("fin", Fin) == "0000000":
            raise NotFound
        at = call.query("at", dt.date, None)
        return {"fin": call.path("fin"), "at": at.isoformat() if at else None, "pages": call.query("pages", int, 1)}

    @app.get("/person/check")
    def check(call: Call) -> dict[str, Json]:
        return {"literal": True}

    @app.get("/who")
    def who(call: Call) -> dict[str, Json]:
        caller = call.caller
        return {
            "client": caller.client, "purpose": caller.purpose, "user": caller.user_id,
            "request": str(caller.request_id), "left": (call.time_left() or 0) > 9, "fields": dict(call.fields),
        }

    @app.post("/order")
    def order(call: Call) -> dict[str, Json]:
        order = call.body(Order)
        return {"fin": order.fin, "due": order.due.isoformat(), "urgency": order.urgency.value,
                "items": [[item.name, item.count] for item in order.items], "note": order.note}

    @app.post("/length")
    def length(call: Call) -> dict[str, Json]:
        return {"bytes": sum(len(chunk) for chunk in call.stream())}

    @app.get("/rows/{count}")
    def rows(call: Call) -> Answer:
        return Answer.rows({"row": number, "text": "əğıİöşüç"} for number in range(call.path("count", int)))

    @app.get("/broken")
    def broken(call: Call) -> Answer:
        def chunks() -> Iterator[bytes]:
            yield b"[1,"
            raise RuntimeError("MBXEHTV")

        return Answer.stream(chunks(), "application/json")

    @app.get("/fails")
    def fails(call: Call) -> dict[str, Json]:
        raise RuntimeError("the value MBXEHTV")

    @app.get("/conflict")
    def conflict(call: Call) -> None:
        raise Conflict("already-closed")

    @app.get("/busy")
    def busy(call: Call) -> None:
        raise Busy

    @app.get("/nothing")
    def nothing(call: Call) -> None:
        return None

    @app.get("/wrong")
    def wrong(call: Call) -> str:
        return "a text"

    return app


ORDER: dict[str, Json] = {"fin": "MBXEHTV", "due": "2026-11-30", "items": [{"name": "ə", "count": 2}]}


class Calls(unittest.TestCase):
    def setUp(self) -> None:
        self.client = Client(program())
        self.client.__enter__()
        self.addCleanup(self.client.__exit__, None, None, None)

    def test_path_and_query_are_typed(self) -> None:
        got = self.client.get("/person/MBXEHTV?at=2026-11-21&pages=3")
        self.assertEqual((got.status, got.error), (200, None))
        self.assertEqual(got.json(), {"fin": "MBXEHTV", "at": "2026-11-21", "pages": 3})
        self.assertEqual(self.client.get("/person/MBXEHTV").json()["pages"], 1)

    def test_a_literal_comes_before_a_parameter(self) -> None:
        self.assertEqual(self.client.get("/person/check").json(), {"literal": True})

    def test_what_does_not_fit_is_refused_by_its_place_and_without_its_value(self) -> None:
        cases = [
            ("/person/MBXEHTI", "path segment fin", "a FIN: 7 characters of 0-9 and A-Z without I and O"),
            ("/person/MBXEHTV?at=21.11.2026", "query at", "a date like 2026-11-21"),
            ("/person/MBXEHTV?pages=1&pages=2", "query pages", "one value"),
            ("/person/MBXEHTV?pages=%31e3", "query pages", "a whole number"),
            ("/person/%FF", "path or query", "UTF-8"),
        ]
        for path, place, expected in cases:
            with self.subTest(path):
                got = self.client.get(path)
                self.assertEqual(got.error, "bad-request")
                self.assertEqual(got.fields["bridge-adapter-error-place"], place)
                self.assertEqual(got.fields["bridge-adapter-error-expected"], expected)
                self.assertEqual(got.body, b"")

    def test_who_asks_is_what_the_node_says(self) -> None:
        got = self.client.get("/who", purpose="audit", user_id="Səbinə").json()
        self.assertEqual((got["client"], got["purpose"], got["user"]), ("AZ/GOV/9001/TEST", "audit", "Səbinə"))
        self.assertTrue(got["left"])
        self.assertEqual(len(got["request"]), 36)
        self.assertEqual([name for name in got["fields"] if name.startswith("bridge-")], [])

    def test_a_body_becomes_a_dataclass(self) -> None:
        got = self.client.post("/order", ORDER | {"urgency": "high"})
        self.assertEqual(got.json(), {"fin": "MBXEHTV", "due": "2026-11-30", "urgency": "high", "items": [["ə", 2]], "note": None})

    def test_a_body_that_does_not_fit_is_refused_by_its_pointer(self) -> None:
        cases: list[tuple[Json, str]] = [
            ({**ORDER, "fin": "mbxehtv"}, "body /fin"),
            ({**ORDER, "due": 20261130}, "body /due"),
            ({**ORDER, "items": [{"name": "a", "count": True}]}, "body /items/0/count"),
            ({**ORDER, "items": [{"name": "a"}]}, "body /items/0/count"),
            ({**ORDER, "urgency": "none"}, "body /urgency"),
            ({**ORDER, "more": 1}, "body"),
            ({"due": "2026-11-30", "items": []}, "body /fin"),
            ([], "body"),
        ]
        for body, place in cases:
            with self.subTest(place=place, body=body):
                got = self.client.post("/order", body)
                self.assertEqual((got.error, got.fields["bridge-adapter-error-place"]), ("bad-request", place))

    def test_what_is_not_json_is_refused(self) -> None:
        deep = b"[" * 40 + b"]" * 40
        for body in [b"", b"{", b"\xff", b'{"a":1,"a":2}', b"NaN", b"[" * 100_000, deep]:
            with self.subTest(body=body[:12]):
                got = self.client.ask("POST", "/order", body)
                self.assertEqual((got.error, got.fields["bridge-adapter-error-place"]), ("bad-request", "body"))

    def test_numbers_and_characters_that_no_registry_holds_are_refused(self) -> None:
        whole = b'{"fin":"MBXEHTV","due":"2026-11-21","items":[{"name":%b,"count":%b}]}'
        for name, count, place in [
            (b'"a"', b"1e999", "body"), (b'"a"', b"-1e999", "body"), (b'"a"', b"9" * 5000, "body"),
            (b'"a"', b"9" * 400, "body /items/0/count"), (b'"a"', b"9223372036854775808", "body /items/0/count"),
            (b'"\\ud800"', b"1", "body"), (b'"\\udc00\\ud800"', b"1", "body"), (b'"\\uDFFFx"', b"1", "body"),
        ]:
            with self.subTest(name=name, count=count[:12]):
                got = self.client.ask("POST", "/order", whole % (name, count))
                self.assertEqual((got.error, got.fields["bridge-adapter-error-place"]), ("bad-request", place))
        for name, count in [(b'"\\ud83d\\ude00"', b"1"), (b'"\\\\ud800"', b"9223372036854775807")]:
            with self.subTest(name=name, count=count):
                self.assertIsNone(self.client.ask("POST", "/order", whole % (name, count)).error)

    def test_paths_and_methods_that_are_not_there(self) -> None:
        self.assertEqual(self.client.get("/other").error, "not-found")
        self.assertEqual(self.client.get("/person").error, "not-found")
        self.assertEqual(self.client.get("/person/").error, "not-found")
        got = self.client.post("/person/MBXEHTV")
        self.assertEqual((got.error, got.fields["allow"]), ("method-not-allowed", "GET"))

    def test_the_registrys_own_refusals_are_answers(self) -> None:
        for path, status, word in [("/person/0000000", 404, "not-found"), ("/conflict", 409, "already-closed")]:
            got = self.client.get(path)
            self.assertEqual((got.status, got.error, got.json()), (status, None, {"error": word}))
        self.assertEqual((self.client.get("/nothing").status, self.client.get("/nothing").body), (204, b""))

    def test_errors_go_by_code_and_hold_no_value(self) -> None:
        self.assertEqual(self.client.get("/busy").error, "busy")
        got = self.client.get("/fails")
        self.assertEqual((got.error, got.fields["bridge-adapter-error-reason"]), ("failed", "RuntimeError"))
        self.assertNotIn("MBXEHTV", str(got))
        self.assertEqual(self.client.get("/wrong").error, "failed")

    def test_rows_stream(self) -> None:
        got = self.client.get("/rows/5000")
        self.assertEqual(got.fields.get("transfer-encoding"), "chunked")
        rows = got.json()
        self.assertEqual((len(rows), rows[4999]), (5000, {"row": 4999, "text": "əğıİöşüç"}))
        self.assertEqual(self.client.get("/rows/0").json(), [])

    def test_an_answer_that_fails_half_way_is_cut(self) -> None:
        import http.client

        with self.assertRaises(http.client.IncompleteRead):
            self.client.get("/broken")

    def test_a_body_may_be_longer_than_the_limit_if_it_is_streamed(self) -> None:
        body = b"x" * (3 * 1024 * 1024)
        self.assertEqual(self.client.ask("POST", "/length", body).json(), {"bytes": len(body)})

    def test_describe_says_services_endpoints_and_effects(self) -> None:
        got = self.client.send("GET", "/describe", None, {}).json()
        self.assertEqual((got["protocol"], got["name"]), (1, "trial"))
        endpoints = {service["code"]: service["endpoints"] for service in got["services"]}
        self.assertEqual(endpoints["order"], [{"method": "POST", "path": "", "effect": "unknown"}])
        self.assertEqual([one["path"] for one in endpoints["person"]], ["/check", "/{fin}"])
        self.assertEqual(endpoints["who"][0]["effect"], "reads")


class Bounds(unittest.TestCase):
    def test_a_body_one_byte_above_the_limit_is_refused(self) -> None:
        with Client(program(Limits(request_bytes=20))) as client:
            got = client.ask("POST", "/order", b"[" + b" " * 18 + b"]")
            self.assertEqual(got.error, "bad-request", "it is no order")
            got = client.ask("POST", "/order", b"[" + b" " * 19 + b"]")
            self.assertEqual((got.error, got.fields["bridge-adapter-error-limit"]), ("too-large", "20"))

    def test_an_answer_above_the_limit_is_refused(self) -> None:
        with Client(program(Limits(answer_bytes=8))) as client:
            self.assertEqual(client.get("/person/MBXEHTV").error, "too-large")

    def test_health_is_told_while_every_worker_is_busy_and_one_call_too_many_is_busy(self) -> None:
        app = Adapter("slow", limits=Limits(workers=2, waiting=1))
        entered, leave = threading.Semaphore(0), threading.Event()
        reason: list[str | None] = [None]

        @app.get("/slow")
        def slow(call: Call) -> dict[str, Json]:
            entered.release()
            leave.wait(30)
            return {}

        @app.health
        def ready() -> str | None:
            return reason[0]

        with Client(app) as client:
            results: list[object] = []
            asking = [threading.Thread(target=lambda: results.append(client.get("/slow").status)) for _ in range(2)]
            for thread in asking:
                thread.start()
            for _ in asking:
                self.assertTrue(entered.acquire(timeout=30))
            self.assertEqual(client.send("GET", "/health", None, {}).status, 200)
            reason[0] = "the FİN index is being built"
            got = client.send("GET", "/health", None, {})
            self.assertEqual((got.status, got.json()), (503, {"reason": "the FIN index is being built"}))
            # One more waits; the two further ones are told so.
            told: list[str | None] = []
            more = [threading.Thread(target=lambda: told.append(client.get("/slow").error)) for _ in range(3)]
            for thread in more:
                thread.start()
            while told.count("busy") < 2 and any(thread.is_alive() for thread in more):
                more[0].join(0.01)
            leave.set()
            for thread in asking + more:
                thread.join(30)
            self.assertEqual(results, [200, 200])
            self.assertEqual(sorted(map(str, told)), ["None", "busy", "busy"])

    def test_a_call_that_nobody_waits_for_can_notice(self) -> None:
        app = Adapter("noticing")
        entered, seen = threading.Event(), threading.Event()

        @app.get("/long")
        def long(call: Call) -> dict[str, Json]:
            entered.set()
            try:
                while not seen.wait(0.005):
                    call.check()
            except Exception as error:
                if type(error).__name__ == "Cancelled":
                    seen.set()
                raise
            return {}

        import socket

        with Client(app) as client:
            stream = socket.socket(socket.AF_UNIX)
            stream.connect(client.path)
            stream.sendall(b"GET /call/long HTTP/1.1\r\nhost: a\r\n\r\n")
            self.assertTrue(entered.wait(30))
            self.assertFalse(seen.is_set())
            stream.close()
            self.assertTrue(seen.wait(30))

    def test_after_the_deadline_check_says_timed_out(self) -> None:
        app = Adapter("late")

        @app.get("/late")
        def late(call: Call) -> dict[str, Json]:
            call.check()
            return {}

        with Client(app) as client:
            self.assertEqual(client.get("/late", deadline_ms="0").error, "timed-out")
            self.assertEqual(client.get("/late", deadline_ms="60000").status, 200)


class Declarations(unittest.TestCase):
    def test_what_is_wrong_is_said_where_it_is_declared(self) -> None:
        app = Adapter("wrong")
        for path in ["person", "/", "/{fin}", "/person/a{fin}", "/person/{}"]:
            with self.subTest(path), self.assertRaises(ValueError):
                app.get(path)(lambda call: None)
        app.get("/person/{fin}")(lambda call: None)
        with self.assertRaisesRegex(ValueError, "twice"):
            app.get("/person/{other}")(lambda call: None)

    def test_program_and_document_must_agree(self) -> None:
        document = {"openapi": "3.1.0", "paths": {"/person/{fin}": {"get": {}, "parameters": []}, "/gone": {"post": {}}}}
        app = Adapter("half", openapi=document)
        app.get("/person/{fin}")(lambda call: None)
        app.get("/new")(lambda call: None)
        self.assertEqual(app.faults(), [
            "GET /new has no path in openapi.json: describe it there",
            "POST /gone stands in openapi.json: write a function for it",
        ])
        self.assertIn("declares no endpoint", Adapter("empty").faults()[0])

    def test_a_parameter_that_the_path_does_not_have_is_a_mistake_of_the_program(self) -> None:
        app = Adapter("mistake")
        app.get("/person/{fin}")(lambda call: {"x": call.path("fn")})
        with Client(app) as client:
            self.assertEqual(client.get("/person/MBXEHTV").fields["bridge-adapter-error-reason"], "KeyError")

    def test_bad_request_names_place_and_form(self) -> None:
        self.assertEqual(str(BadRequest("query at", "a date")), "query at: expected a date")


if __name__ == "__main__":
    unittest.main()
