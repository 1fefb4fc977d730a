"""Effects that happen once, also in parallel, and not at all if they fail."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import unittest
from pathlib import Path

from bridge_adapter import Adapter, Call, Conflict, Effect, Json, once, prepare
from bridge_adapter.answer import Answer
from bridge_adapter.testing import Client, Got


class Once(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "payments.db"
        with self.open() as database:
            prepare(database)
            database.execute("CREATE TABLE payment (id INTEGER PRIMARY KEY, qepik INTEGER NOT NULL)")

    def open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.file, isolation_level=None, timeout=30)

    def rows(self) -> int:
        with self.open() as database:
            return int(database.execute("SELECT count(*) FROM payment").fetchone()[0])

    def program(self) -> Adapter:
        app = Adapter("payments")

        @app.post("/pay", effect=Effect.STORED)
        def pay(call: Call) -> Answer:
            amount = call.body(dict)["qepik"]
            database = self.open()

            def book() -> dict[str, Json]:
                row = database.execute("INSERT INTO payment (qepik) VALUES (?) RETURNING id", (amount,)).fetchone()
                if amount < 0:
                    raise Conflict("negative")
                if amount == 0:
                    raise RuntimeError
                return {"id": row[0]}

            try:
                return once(database, call, book)
            finally:
                database.close()

        return app

    def test_the_same_key_has_the_same_answer_and_is_done_once(self) -> None:
        with Client(self.program()) as client:
            first = client.post("/pay", {"qepik": 150}, key="k1")
            again = client.post("/pay", {"qepik": 150}, key="k1")
            self.assertEqual((first.status, first.body), (200, again.body))
            self.assertEqual(self.rows(), 1)
            self.assertNotEqual(client.post("/pay", {"qepik": 150}, key="k2").body, first.body)
            self.assertEqual(self.rows(), 2)

    def test_other_content_under_the_same_key_is_refused(self) -> None:
        with Client(self.program()) as client:
            client.post("/pay", {"qepik": 150}, key="k1")
            self.assertEqual(client.post("/pay", {"qepik": 151}, key="k1").error, "key-reused")
            self.assertEqual(self.rows(), 1)

    def test_another_clients_key_is_another_key(self) -> None:
        with Client(self.program()) as client:
            client.post("/pay", {"qepik": 150}, key="k1")
            client.post("/pay", {"qepik": 150}, key="k1", client="AZ/COM/1/BANK")
            self.assertEqual(self.rows(), 2)

    def test_an_answer_that_could_not_be_given_again_is_not_given(self) -> None:
        app = Adapter("fields")

        @app.post("/pay", effect=Effect.STORED)
        def pay(call: Call) -> Answer:
            database = self.open()
            try:
                return once(database, call, lambda: Answer(b"{}", 201, fields={"location": "/1"}))
            finally:
                database.close()

        with Client(app) as client:
            self.assertEqual([client.post("/pay", {}, key="k1").error for _ in range(2)], ["failed", "failed"])
        self.assertEqual(self.rows(), 0)

    def test_without_a_key_nothing_is_remembered(self) -> None:
        with Client(self.program()) as client:
            self.assertEqual(client.post("/pay", {"qepik": 150}).status, 200)
            self.assertEqual(client.post("/pay", {"qepik": 150}).status, 200)
        self.assertEqual(self.rows(), 2)

    def test_a_refusal_and_a_failure_undo_all_and_leave_the_key_free(self) -> None:
        with Client(self.program()) as client:
            for amount, status, error in [(-1, 409, None), (0, 503, "failed")]:
                got = client.post("/pay", {"qepik": amount}, key="k1")
                self.assertEqual((got.status, got.error, self.rows()), (status, error, 0))
            self.assertEqual(client.post("/pay", {"qepik": 150}, key="k1").status, 200)
        self.assertEqual(self.rows(), 1)

    def test_sixty_four_at_once_are_booked_once(self) -> None:
        got: list[Got] = []
        with Client(self.program()) as client:
            ask = lambda: got.append(client.post("/pay", {"qepik": 150}, key="k1"))  # noqa: E731
            threads = [threading.Thread(target=ask) for _ in range(64)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual({(one.status, one.body) for one in got}, {(200, got[0].body)})
        self.assertEqual((len(got), self.rows()), (64, 1))

    def test_a_connection_with_a_transaction_of_its_own_is_a_mistake(self) -> None:
        with Client(self.program()) as client, sqlite3.connect(self.file) as database:
            with self.assertRaises(ValueError):
                once(database, None, lambda: None)  # type: ignore[arg-type]
            self.assertEqual(client.post("/pay", {"qepik": 1}).status, 200)


if __name__ == "__main__":
    unittest.main()
