"""Internal control and anti-corruption information exchange, behind a node."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import threading
from pathlib import Path

import register
import sample
from bridge_adapter import Adapter, Answer, Call, Effect, Fin, Json, once

HERE = Path(__file__).parent
#: The folder that stays when the program ends; the node's operator names it.
DATA = "BRIDGE_ADAPTER_DATA"

app = Adapter("referrals", openapi=HERE / "openapi.json")
app.service("referral-send", "Göndəriş: refer a case")
app.service("referral-status", "Vəziyyət: what became of one's own referrals")
app.service("subject-view", "Şəxsə açıqlama: what a person may know")

_local = threading.local()
_opening = threading.Lock()
_register: list[Path] = []


def database() -> sqlite3.Connection:
    """This worker's connection to the register."""
    with _opening:
        if not _register:
            _register.append(open_register())
    if getattr(_local, "file", None) != _register[0]:
        _local.file, _local.database = _register[0], register.connect(_register[0])
    connection: sqlite3.Connection = _local.database
    return connection


def open_register() -> Path:
    """Finds the register in the folder that stays. Without one it is a trial, with invented cases, in the folder that goes."""
    kept = os.environ.get(DATA)
    file = register.open_register(Path(kept or os.environ["HOME"]))
    if not kept:
        with contextlib.closing(register.connect(file)) as trial:
            trial.execute("BEGIN IMMEDIATE")
            if trial.execute("SELECT count(*) FROM referral").fetchone()[0] == 0:
                sample.fill(trial)
            trial.execute("COMMIT")
    return file


def today() -> dt.date:
    """The day in Baku, which has had no summer time since 2016."""
    return dt.datetime.now(dt.timezone(dt.timedelta(hours=4))).date()


@app.post("/referral-send", effect=Effect.STORED)
def send(call: Call) -> Answer:
    """Enters a referral; key, answer and referral in one transaction."""
    new = call.body(register.NewReferral)
    connection, sender = database(), call.caller.client
    answer = once(connection, call, lambda: Answer.json(register.store(connection, sender, new, today()), 201))
    app.log.info("referral stored", request=call.caller.request_id, status=answer.status)
    return answer


@app.get("/referral-status/{id}")
def status(call: Call) -> dict[str, Json]:
    """One of the caller's own referrals."""
    return register.status(database(), call.caller.client, call.path("id"), today())


@app.get("/referral-status")
def sent(call: Call) -> dict[str, Json]:
    """All of the caller's own referrals of some days, to reconcile with its own records."""
    return register.sent_by(
        database(), call.caller.client, call.query("from", dt.date), call.query("until", dt.date, today())
    )


@app.get("/subject-view/{fin}")
def subject_view(call: Call) -> dict[str, Json]:
    """What a person may know of referrals about them."""
    return register.told_to(database(), call.path("fin", Fin), today())


@app.health
def health() -> str | None:
    """The register can be read."""
    try:
        database().execute("SELECT 1 FROM referral LIMIT 1").fetchone()
    except (sqlite3.Error, OSError) as error:
        return f"the register cannot be read: {type(error).__name__}"
    return None


if __name__ == "__main__":
    app.run()
