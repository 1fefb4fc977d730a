"""An effect that happens once: key, digest and answer in the registry's own transaction.

For SQLite. For another database write the same four statements in its own words: lock, look the
key up, do the work, store the answer, and commit them together or not at all.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from .answer import Answer, Returned, answer_of
from .call import Call
from .errors import Busy, Reused

#: Keys are forgotten after this many days; the node keeps them for 30.
KEPT_DAYS = 31
_DAY_S = 86_400
_TABLE = """
CREATE TABLE IF NOT EXISTS bridge_effect (
  client TEXT NOT NULL, service TEXT NOT NULL, key TEXT NOT NULL,
  digest TEXT NOT NULL, status INTEGER NOT NULL, content_type TEXT, body BLOB NOT NULL, stored_s INTEGER NOT NULL,
  PRIMARY KEY (client, service, key)
) WITHOUT ROWID"""


def prepare(database: sqlite3.Connection) -> None:
    """Makes the table of the keys. Call it where you make your own tables."""
    database.execute(_TABLE)


def once(database: sqlite3.Connection, call: Call, work: Callable[[], Returned]) -> Answer:
    """Does ``work`` in one transaction with the call's key, or gives the answer that it gave before.

    The connection must be in autocommit mode (``isolation_level=None``): the transaction is begun and
    ended here. A ``Refusal`` that ``work`` raises undoes what it did and stores nothing, so that the
    same key may try again. Raises ``Reused`` if the key came with other content before.
    """
    if database.isolation_level is not None or database.in_transaction:
        raise ValueError("give a connection made with isolation_level=None, outside a transaction")
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        raise Busy("locked") from error
    try:
        answer = _known(database, call)
        if answer is None:
            answer = answer_of(work())
            _store(database, call, answer)
        database.execute("COMMIT")
        return answer
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _known(database: sqlite3.Connection, call: Call) -> Answer | None:
    row = database.execute(
        "SELECT digest, status, content_type, body FROM bridge_effect WHERE client = ? AND service = ? AND key = ?",
        _key(call),
    ).fetchone()
    if row is None:
        return None
    if row[0] != (call.content_digest or ""):
        raise Reused
    return Answer(body=row[3], status=row[1], content_type=row[2])


def _store(database: sqlite3.Connection, call: Call, answer: Answer) -> None:
    if not isinstance(answer.body, bytes):
        raise TypeError("a stored answer is not a stream")
    if answer.fields:
        # They are not kept: the same key would have another answer.
        raise TypeError("a stored answer has no header fields of its own")
    if call.idempotency_key is None:
        return
    now = int(time.time())
    database.execute("DELETE FROM bridge_effect WHERE stored_s < ?", (now - KEPT_DAYS * _DAY_S,))
    database.execute(
        "INSERT INTO bridge_effect VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (*_key(call), call.content_digest or "", answer.status, answer.content_type, answer.body, now),
    )


def _key(call: Call) -> tuple[str, str, str]:
    return call.caller.client, call.service, call.idempotency_key or ""


