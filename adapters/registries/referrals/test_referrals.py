"""The register over a real socket: what is stored once, what each party sees, and how both ends compare."""

from __future__ import annotations

import datetime as dt
import io
import os
import tempfile
import threading
import unittest

import adapter
import register

from bridge_adapter import Fin, Json
from bridge_adapter.testing import Client, Got

SENDER = "AZ/GOV/5001/INTERNAL-CONTROL"
OTHER = "AZ/GOV/2001/TAX"
NEW: dict[str, Json] = {"case": "IC-2026-500", "subject": "9QQ1W2E", "kind": "bribery", "summary": "Əlavə ödəniş tələb olunub."}
DELAYED: dict[str, Json] = NEW | {"order": {"id": "DO-2026/200", "not_before": "2027-06-01"}}


class Register(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ.update(HOME=folder.name)
        adapter._register.clear()
        self.day = dt.date(2026, 11, 22)
        before = adapter.today
        adapter.today = lambda: self.day
        self.addCleanup(setattr, adapter, "today", before)
        before_log, adapter.app.log._out = adapter.app.log._out, io.StringIO()
        self.addCleanup(setattr, adapter.app.log, "_out", before_log)
        self.client = Client(adapter.app, client=SENDER)
        self.client.__enter__()
        self.addCleanup(self.client.__exit__, None, None, None)

    def count(self) -> int:
        return int(adapter.database().execute("SELECT count(*) FROM referral").fetchone()[0])

    def test_a_referral_is_entered_with_its_clock_and_seen_by_its_sender_alone(self) -> None:
        sent = self.client.post("/referral-send", NEW, key="k1")
        self.assertEqual(sent.status, 201)
        entry = sent.json()
        self.assertEqual((entry["received"], entry["due"], entry["state"]), ("2026-11-22", "2026-12-22", "received"))
        self.assertEqual(self.client.get(f"/referral-status/{entry['id']}").json(), entry)
        for other in (OTHER, "AZ/GOV/5001/OTHER"):
            got = self.client.get(f"/referral-status/{entry['id']}", client=other)
            self.assertEqual((got.status, got.json()), (404, {"error": "not-found"}))

    def test_sent_twice_and_sixty_four_times_at_once_it_is_entered_once(self) -> None:
        before = self.count()
        got: list[Got] = []
        threads = [
            threading.Thread(target=lambda: got.append(self.client.post("/referral-send", NEW, key="k1"))) for _ in range(64)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({(one.status, one.body) for one in got}, {(201, got[0].body)})
        self.assertEqual((len(got), self.count()), (64, before + 1))
        self.assertEqual(self.client.post("/referral-send", NEW | {"kind": "abuse-of-office"}, key="k1").error, "key-reused")
        again = self.client.post("/referral-send", NEW, key="k2")
        self.assertEqual((again.status, again.json()), (409, {"error": "case-already-referred"}))
        self.assertEqual(self.count(), before + 1)

    def test_sixty_four_different_cases_at_once_have_numbers_of_their_own(self) -> None:
        got: list[Got] = []

        def send(number: int) -> None:
            got.append(self.client.post("/referral-send", NEW | {"case": f"IC-2026-{1000 + number}"}, key=f"p{number}"))

        threads = [threading.Thread(target=send, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([one.status for one in got], [201] * 64)
        self.assertEqual(len({one.json()["id"] for one in got}), 64)

    def test_an_order_hides_a_referral_from_the_person_until_its_day(self) -> None:
        nothing = self.client.get("/subject-view/9QQ1W2E").body
        sent = self.client.post("/referral-send", DELAYED, key="k1").json()
        self.assertEqual((sent["disclosure"], sent["order"]), ("delayed", {"id": "DO-2026/200", "not_before": "2027-06-01"}))
        self.assertEqual(self.client.get("/subject-view/9QQ1W2E").body, nothing, "no trace, to the byte")
        self.day = dt.date(2027, 5, 31)
        self.assertEqual(self.client.get("/subject-view/9QQ1W2E").body, nothing)
        self.day = dt.date(2027, 6, 1)
        told = self.client.get("/subject-view/9QQ1W2E").json()["referrals"]
        self.assertEqual([(one["id"], one["sender"]) for one in told], [(sent["id"], SENDER)])
        self.assertEqual(self.client.get(f"/referral-status/{sent['id']}").json()["disclosure"], "open")

    def test_an_order_must_be_in_force_and_end(self) -> None:
        for day, status in [("2026-11-22", 422), ("2026-11-23", 201), ("2031-11-22", 201), ("2031-11-23", 422)]:
            order = {"id": "DO-2026/200", "not_before": day}
            got = self.client.post("/referral-send", NEW | {"case": f"ICO-{day[:4]}-{day[8:]}", "order": order})
            self.assertEqual(got.status, status, day)

    def test_both_ends_compare_their_records_and_find_what_differs(self) -> None:
        own = {}
        for number in range(3):
            sent: dict[str, Json] = NEW | {"case": f"ICX-2026-{number}"}
            self.client.post("/referral-send", sent, key=f"k{number}")
            new = register.NewReferral(
                register.CaseNumber(sent["case"]), Fin("9QQ1W2E"), register.Kind.BRIBERY, register.Summary(NEW["summary"])
            )
            own[sent["case"]] = register.digest_of(SENDER, new)
        got = self.client.get("/referral-status?from=2026-11-22").json()
        self.assertEqual({one["case"]: one["digest"] for one in got["referrals"]}, own)
        self.assertEqual(got["count"], 3)
        adapter.database().execute("DELETE FROM referral WHERE case_number = 'ICX-2026-1'")
        after = self.client.get("/referral-status?from=2026-11-22").json()
        self.assertEqual(set(own) - {one["case"] for one in after["referrals"]}, {"ICX-2026-1"})
        self.assertNotEqual(after["digest"], got["digest"])
        self.assertEqual(self.client.get("/referral-status?from=2026-11-22", client=OTHER).json()["count"], 0)

    def test_what_was_entered_outlives_the_program(self) -> None:
        sent = self.client.post("/referral-send", NEW, key="k1")
        adapter._register.clear()
        with Client(adapter.app, client=SENDER) as later:
            self.assertEqual(later.post("/referral-send", NEW, key="k1").body, sent.body)
        self.assertEqual(self.count(), 25)

    def test_a_register_that_is_kept_begins_empty_and_stays(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["BRIDGE_ADAPTER_DATA"] = folder
            self.addCleanup(os.environ.pop, "BRIDGE_ADAPTER_DATA")
            for entries in (1, 1):
                adapter._register.clear()
                with Client(adapter.app, client=SENDER) as client:
                    self.assertEqual(client.post("/referral-send", NEW, key="k1").json()["id"], "R-2026-000001")
                self.assertEqual(self.count(), entries)

    def test_health_says_when_the_register_cannot_be_read(self) -> None:
        self.assertEqual(self.client.send("GET", "/health", None, {}).status, 200)
        os.environ["BRIDGE_ADAPTER_DATA"] = "/nowhere"
        self.addCleanup(os.environ.pop, "BRIDGE_ADAPTER_DATA")
        adapter._register.clear()
        got = self.client.send("GET", "/health", None, {})
        self.assertEqual((got.status, got.json()), (503, {"reason": "the register cannot be read: OperationalError"}))


if __name__ == "__main__":
    unittest.main()
