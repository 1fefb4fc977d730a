"""The register of referrals: what it keeps and what it tells, apart from how it is asked."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge_adapter import Conflict, Fin, Form, Json, NotFound, Unprocessable, prepare

#: Days in which the receiver answers.
ANSWER_DAYS = 30
#: No order delays disclosure for longer than this, counted from the day of the referral.
DELAY_YEARS_LIMIT = 5
_HERE = Path(__file__).parent


class Kind(enum.Enum):
    """What is suspected."""

    CONFLICT_OF_INTEREST = "conflict-of-interest"
    BRIBERY = "bribery"
    ABUSE_OF_OFFICE = "abuse-of-office"
    FALSE_DECLARATION = "false-declaration"


class CaseNumber(Form):
    """The sender's own number of the case."""

    form = Form.compile(r"[A-Z]{2,6}-\d{4}-\d{1,6}")
    expected = "a case number like IC-2026-17"


class OrderNumber(Form):
    """The number of an order."""

    form = Form.compile(r"[A-Z]{1,6}-\d{4}/\d{1,6}")
    expected = "an order's number like DO-2026/118"


class Summary(Form):
    """What is referred, in words."""

    form = re.compile(r".{1,4000}", re.DOTALL)
    expected = "a text of 1 to 4000 characters"


@dataclass(frozen=True)
class DisclosureOrder:
    """An order that the person must not learn of it before a day."""

    id: OrderNumber
    not_before: dt.date


@dataclass(frozen=True)
class NewReferral:
    """What an internal control body sends."""

    case: CaseNumber
    subject: Fin
    kind: Kind
    summary: Summary
    order: DisclosureOrder | None = None


def digest_of(sender: str, new: NewReferral) -> str:
    """SHA-256 over what was sent, in one fixed form: the sender computes the same over its own record."""
    order = None if new.order is None else [new.order.id, new.order.not_before.isoformat()]
    record = [sender, new.case, new.subject, new.kind.value, new.summary, order]
    return hashlib.sha256(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


def open_register(folder: Path) -> Path:
    """Makes the register in a folder, or finds it there."""
    file = folder / "referrals.db"
    database = connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.executescript((_HERE / "schema.sql").read_text(encoding="utf-8"))
    prepare(database)
    database.close()
    return file


def connect(file: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, whose writes are on the disk when they are acknowledged."""
    database = sqlite3.connect(file, isolation_level=None, timeout=5.0, check_same_thread=False)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA synchronous = FULL")
    return database


def store(database: sqlite3.Connection, sender: str, new: NewReferral, today: dt.date) -> dict[str, Json]:
    """Enters a referral. Runs in the caller's transaction, with the idempotency key."""
    if new.order is not None and not today < new.order.not_before <= _years_after(today, DELAY_YEARS_LIMIT):
        raise Unprocessable("order-not-in-force")
    known = database.execute("SELECT 1 FROM referral WHERE sender = ? AND case_number = ?", (sender, new.case))
    if known.fetchone() is not None:
        raise Conflict("case-already-referred")
    number = database.execute(
        "SELECT coalesce(max(CAST(substr(id, 8) AS INTEGER)), 0) + 1 FROM referral WHERE id LIKE ?", (f"R-{today.year}-%",)
    ).fetchone()[0]
    row = {
        "id": f"R-{today.year}-{number:06}", "sender": sender, "case_number": new.case, "subject_fin": new.subject,
        "kind": new.kind.value, "summary": new.summary, "received": today.isoformat(),
        "due": (today + dt.timedelta(days=ANSWER_DAYS)).isoformat(), "state": "received",
        "order_id": new.order.id if new.order else None,
        "disclosure_not_before": new.order.not_before.isoformat() if new.order else None,
        "digest": digest_of(sender, new),
    }
    names = ", ".join(row)
    database.execute(f"INSERT INTO referral ({names}) VALUES ({', '.join(':' + name for name in row)})", row)
    return _status(row, today)


def status(database: sqlite3.Connection, sender: str, referral: str, today: dt.date) -> dict[str, Json]:
    """One referral, for its sender alone: to others it does not exist."""
    found = database.execute("SELECT * FROM referral WHERE id = ? AND sender = ?", (referral, sender)).fetchone()
    if found is None:
        raise NotFound
    return _status(dict(found), today)


def sent_by(database: sqlite3.Connection, sender: str, first: dt.date, last: dt.date) -> dict[str, Json]:
    """What the register holds of a sender's referrals: it compares case by case with its own records."""
    rows = database.execute(
        "SELECT id, case_number, digest, state FROM referral WHERE sender = ? AND received BETWEEN ? AND ? ORDER BY case_number",
        (sender, first.isoformat(), last.isoformat()),
    ).fetchall()
    listed = [{"id": r["id"], "case": r["case_number"], "digest": r["digest"], "state": r["state"]} for r in rows]
    whole = hashlib.sha256("".join(f"{r['case_number']} {r['digest']}\n" for r in rows).encode()).hexdigest()
    return {"count": len(listed), "digest": whole, "referrals": listed}


def told_to(database: sqlite3.Connection, subject: Fin, today: dt.date) -> dict[str, Json]:
    """What a person may know of referrals about them. One that an order delays leaves no trace in the answer."""
    rows = database.execute(
        "SELECT id, sender, kind, received, state FROM referral"
        " WHERE subject_fin = ? AND (disclosure_not_before IS NULL OR disclosure_not_before <= ?) ORDER BY received, id",
        (subject, today.isoformat()),
    ).fetchall()
    return {"fin": subject, "referrals": [dict(row) for row in rows]}


def _status(row: Mapping[str, object], today: dt.date) -> dict[str, Json]:
    delayed = row["disclosure_not_before"] is not None and str(row["disclosure_not_before"]) > today.isoformat()
    told: dict[str, Json] = {
        "id": str(row["id"]), "case": str(row["case_number"]), "state": str(row["state"]), "received": str(row["received"]),
        "due": str(row["due"]), "digest": str(row["digest"]), "disclosure": "delayed" if delayed else "open",
    }
    if delayed:
        told["order"] = {"id": str(row["order_id"]), "not_before": str(row["disclosure_not_before"])}
    return told


def _years_after(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year + years, day=28)
