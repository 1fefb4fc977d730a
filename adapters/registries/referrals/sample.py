"""The sample register: invented cases about invented people, the same each time."""

from __future__ import annotations

import datetime as dt
import sqlite3

from register import CaseNumber, DisclosureOrder, Kind, NewReferral, OrderNumber, Summary, store

from bridge_adapter import Fin

SENDERS = ("AZ/GOV/2001/TAX", "AZ/GOV/5001/INTERNAL-CONTROL", "AZ/LEA/3001/APPEALS")
PEOPLE = ("MBXEHTV", "CJ9L1VQ", "5K2P7WD", "8ZT4R0N", "3HXQ6BM")
TEXTS = (
    "Satınalma müsabiqəsinin qalibi komissiya üzvünün qohumudur.",
    "Xidmətin göstərilməsi üçün əlavə ödəniş tələb olunub.",
    "Vəzifəli şəxs öz qərarı ilə ailə üzvünə üstünlük verib.",
    "Gəlir bəyannaməsində daşınmaz əmlak göstərilməyib.",
)
CASES = 24


def fill(database: sqlite3.Connection) -> None:
    """Enters the sample cases into an empty register, each on its day."""
    for number in range(CASES):
        day = dt.date(2026, 1, 12) + dt.timedelta(days=9 * number)
        order = None
        if number % 4 == 3:
            # Every fourth is delayed; the first two of those orders have ended by now.
            until = dt.date(2026, 6, 1) if number < 8 else dt.date(2031, 1, 1)
            order = DisclosureOrder(OrderNumber(f"DO-2026/{100 + number}"), until)
        new = NewReferral(
            case=CaseNumber(f"IC-2026-{number + 1}"),
            subject=Fin(PEOPLE[number % len(PEOPLE)]),
            kind=list(Kind)[number % len(Kind)],
            summary=Summary(TEXTS[number % len(TEXTS)]),
            order=order,
        )
        store(database, SENDERS[number % len(SENDERS)], new, day)
    database.execute("UPDATE referral SET state = 'closed' WHERE received < '2026-03-01'")
    database.execute("UPDATE referral SET state = 'under-review' WHERE received BETWEEN '2026-03-01' AND '2026-05-31'")
