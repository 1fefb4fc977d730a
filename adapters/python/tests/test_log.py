"""The log writes events and figures, and nothing that could be a value."""

from __future__ import annotations

import io
import json
import unittest
import uuid
from typing import Any

from bridge_adapter import Effect, Log


class Lines(unittest.TestCase):
    def line(self, event: str, **facts: object) -> dict[str, Any]:
        out = io.StringIO()
        Log(out).info(event, **facts)
        self.assertEqual(out.getvalue().count("\n"), 1)
        line: dict[str, Any] = json.loads(out.getvalue())
        return line

    def test_events_words_and_figures_are_written(self) -> None:
        request = uuid.uuid4()
        line = self.line("referral stored", status=201, ms=1.5, request=request, state="under-review",
                         effect=Effect.STORED, again=False, nothing=None)
        self.assertEqual((line["level"], line["event"], line["status"], line["ms"]), ("info", "referral stored", 201, 1.5))
        self.assertEqual((line["request"], line["state"], line["effect"]), (str(request), "under-review", "STORED"))
        self.assertEqual((line["again"], line["nothing"]), (False, None))

    def test_what_could_be_a_value_is_withheld(self) -> None:
        values: list[object] = [
            "MBXEHTV", "1234567890", 1234567890, "1966-02-25", "Şirinov", "Azadlıq prospekti 24", "a b", "word\nword",
            '{"fin":"MBXEHTV"}', b"bytes", bytearray(b"b"), {"a": 1}, ["a"], ("a",), "a" * 41, "A",
        ]
        for value in values:
            with self.subTest(value=value):
                self.assertEqual(self.line("event", value=value)["value"], "[withheld]")

    def test_an_event_that_holds_a_value_is_withheld(self) -> None:
        for event in ["found MBXEHTV", "found Ömər", "x" * 81, "two\nlines", f"status {200}"]:
            self.assertEqual(self.line(event)["event"], "[withheld]")

    def test_a_failure_is_told_by_class_and_place_and_not_by_its_text(self) -> None:
        out = io.StringIO()
        try:
            raise ValueError("MBXEHTV is not there")
        except ValueError as error:
            Log(out).failure("lookup failed", error, table="person")
        line = json.loads(out.getvalue())
        self.assertEqual((line["error"], line["table"]), ("ValueError", "person"))
        self.assertRegex(line["at"][0], r"^test_log\.py:\d+$")
        self.assertNotIn("MBXEHTV", out.getvalue())

    def test_a_log_that_is_gone_ends_no_call(self) -> None:
        out = io.StringIO()
        log = Log(out)
        out.close()
        log.info("event")


if __name__ == "__main__":
    unittest.main()
