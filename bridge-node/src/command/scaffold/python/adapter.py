"""The registry `sample-registry`, behind a node. Change what follows the line of dashes; the rest can stay."""

from __future__ import annotations

from pathlib import Path

from bridge_adapter import Adapter, Call, Form, Json, NotFound

app = Adapter("sample-registry", openapi=Path(__file__).with_name("openapi.json"))
app.service("record", "Qeyd: one record by its number")

# --------------------------------------------------------------------------------------------------


class Number(Form):
    """A record's number: what has another form is refused before your registry is asked."""

    form = Form.compile("[A-Z]{2}-[0-9]{4}")
    expected = "a record's number like QN-0001"


# Stands for your registry. Ask your database here instead: `call.registry` is the socket that leads to it, and
# `call.time_left()` how long it may take.
RECORDS: dict[str, dict[str, Json]] = {
    "QN-0001": {"number": "QN-0001", "title": "Birinci qeyd", "opened": "2026-01-15", "officer": "Ömər Şirinov"},
    "QN-0002": {"number": "QN-0002", "title": "İkinci qeyd", "opened": "2026-02-20", "officer": "Ləman Mustafayeva"},
}


@app.get("/record/{number}")
def record(call: Call) -> dict[str, Json]:
    """One record by its number."""
    found = RECORDS.get(call.path("number", Number))
    if found is None:
        raise NotFound
    return found


@app.health
def health() -> str | None:
    """Says why calls would fail now, for the operator; `None` if they would not."""
    return None


if __name__ == "__main__":
    app.run()
