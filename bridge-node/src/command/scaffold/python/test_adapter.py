"""The program, asked over a real socket as the node asks it: `python3 -m unittest`."""

from __future__ import annotations

import unittest

from adapter import app

from bridge_adapter.testing import Client


class Records(unittest.TestCase):
    def test_a_record_is_found(self) -> None:
        with Client(app) as client:
            got = client.get("/record/QN-0001")
        self.assertEqual((got.status, got.json()["title"]), (200, "Birinci qeyd"))

    def test_one_that_is_not_there_is_the_registrys_own_404(self) -> None:
        with Client(app) as client:
            got = client.get("/record/QN-9999")
        self.assertEqual((got.status, got.error, got.json()), (404, None, {"error": "not-found"}))

    def test_what_is_not_a_number_is_refused_by_its_place(self) -> None:
        with Client(app) as client:
            got = client.get("/record/1")
        self.assertEqual(got.error, "bad-request")
        self.assertEqual(got.fields["bridge-adapter-error-place"], "path segment number")


if __name__ == "__main__":
    unittest.main()
