"""Makes the sample files: invented figures, contracts and grants, the same each time.

    python3 sample.py                # writes sample/*; the workbooks need openpyxl 3.1.5
    python3 sample.py rows TABLE     # prints a table's rows as JSON, as the registry answers them
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "sample"
SECTIONS = (
    "Ümumi dövlət xidmətləri",
    "Müdafiə və milli təhlükəsizlik",
    "Məhkəmə hakimiyyəti və hüquq mühafizəsi",
    "Təhsil",
    "Səhiyyə",
    "Sosial müdafiə və sosial təminat",
    "Mədəniyyət, incəsənət və informasiya",
    "Mənzil və kommunal təsərrüfatı",
    "Yanacaq və energetika",
    "Kənd və meşə təsərrüfatı",
    "Sənaye, tikinti və faydalı qazıntılar",
    "Nəqliyyat və rabitə",
    "İqtisadi fəaliyyət",
    "Ətraf mühitin mühafizəsi",
    "Əsas bölmələrə aid edilməyən xidmətlər",
)
BODIES = (
    "Yol Təsərrüfatı Agentliyi",
    "Məktəb Tikintisi İdarəsi",
    "Şəhər Xəstəxanalar Birliyi",
    "Su Təchizatı İdarəsi",
    "Rəqəmsal Xidmətlər Mərkəzi",
    "Mədəniyyət Obyektləri İdarəsi",
)
SUBJECTS = ("kompüter avadanlığı", "binanın cari təmiri", "tibbi ləvazimat", "yol nişanları", "mühafizə xidməti", "dərsliklər")
METHODS = ("open-tender", "restricted-tender", "request-for-quotations", "single-source")
COMPANIES = ("Üfüq-İnşaat MMC", "Şəfəq Texno MMC", "Göy Çay Servis MMC", "İldırım Enerji ASC", "Ağ Lalə Medikal MMC")
SOCIETIES = ("“Gənc Könüllülər” İctimai Birliyi", "“Yaşıl Sabah” İctimai Birliyi", "“Əlillərə Dəstək” İctimai Birliyi", "“Kənd Evi” İctimai Birliyi")
PROJECTS = ("hüquqi maarifləndirmə", "könüllülərin təlimi", "ağac əkini", "yaşlılara qulluq", "oxu klubları")
KINDS = ("audit", "inspection", "review")


def number(*what: object, below: int) -> int:
    """A whole number that depends on nothing but its name."""
    digest = hashlib.sha256("/".join(map(str, what)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % below


def pick(options: tuple[str, ...], *what: object) -> str:
    return options[number(*what, below=len(options))]


def voen(*what: object) -> str:
    return f"99{number('voen', *what, below=10**8):08}"


def day(first: dt.date, days: int, *what: object) -> dt.date:
    return first + dt.timedelta(days=number("day", *what, below=days))


def execution() -> list[dict[str, object]]:
    rows = []
    for year, quarter in [(y, q) for y in (2024, 2025, 2026) for q in (1, 2, 3, 4) if (y, q) < (2026, 4)]:
        for code, section in enumerate(SECTIONS, 1):
            plan = 100 * (20_000_000 + number("plan", year, code, below=180_000_000))
            share = 800 + number("share", year, quarter, code, below=230)
            end = dt.date(year + quarter // 4, quarter % 4 * 3 + 1, 1) - dt.timedelta(days=1)
            rows.append(
                {
                    "section": {"code": f"{code:02}", "name": section},
                    "period": {"year": year, "quarter": quarter, "end": end},
                    "planned_qepik": plan,
                    "spent_qepik": plan * share // 1000 + number("rest", year, quarter, code, below=100),
                }
            )
    return rows


def procurement() -> list[dict[str, object]]:
    rows = []
    for n in range(1, 401):
        company = pick(COMPANIES, "company", n)
        body = pick(BODIES, "body", n)
        method = pick(METHODS, "method", n)
        rows.append(
            {
                "number": f"S-{n:05}",
                "signed_on": day(dt.date(2025, 1, 6), 630, "contract", n),
                "buyer": {"name": body, "voen": voen(body)},
                "subject": pick(SUBJECTS, "subject", n),
                "method": method,
                "bidders": 1 if method == "single-source" else 2 + number("bidders", n, below=7),
                "supplier": {"name": company, "voen": voen(company)},
                "amount_qepik": 250_000 + number("amount", n, below=90_000_000),
            }
        )
    return rows


def control() -> list[dict[str, object]]:
    rows = []
    for n in range(1, 121):
        began = day(dt.date(2024, 1, 8), 900, "control", n)
        found = number("found", n, below=40_000_000) if number("clean", n, below=5) else 0
        row = {
            "number": f"N-{n:04}",
            "kind": pick(KINDS, "kind", n),
            "body": pick(BODIES, "controlled", n),
            "began_on": began,
            "found_qepik": found,
            "recovered_qepik": found * number("recovered", n, below=101) // 100,
            "referred": found > 30_000_000,
        }
        # The newest are still under way.
        if began < dt.date(2026, 5, 1):
            row["ended_on"] = day(began + dt.timedelta(days=10), 80, "ended", n)
        rows.append(row)
    return rows


def grants() -> list[dict[str, object]]:
    rows = []
    for n in range(1, 151):
        society = pick(SOCIETIES, "society", n)
        rows.append(
            {
                "number": f"Q-{n:04}",
                "recipient": {"name": society, "voen": voen(society)},
                "project": pick(PROJECTS, "project", n),
                "paid_on": day(dt.date(2024, 2, 5), 960, "grant", n),
                "amount_qepik": 100_000 + 5_000 * number("grant", n, below=500),
            }
        )
    return rows


def manats(qepik: int) -> str:
    """As people write it: 1 234 567,89."""
    return f"{qepik // 100:,}".replace(",", " ") + f",{qepik % 100:02}"


def write_text(name: str, header: list[str], rows: list[list[object]]) -> None:
    with (FOLDER / name).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(header)
        writer.writerows(rows)


def write_book(name: str, sheet: str, title: str, header: list[str], rows: list[list[object]]) -> None:
    from openpyxl import Workbook

    book = Workbook()
    page = book.active
    page.title = sheet
    page.append([title])
    page.append(header)
    for row in rows:
        page.append(row)
    book.properties.created = book.properties.modified = dt.datetime(2026, 10, 1)
    book.save(FOLDER / name)


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    write_text(
        "budget-execution.csv",
        ["İl", "Rüb", "Rübün sonu", "Bölmə", "Bölmənin adı", "Təsdiq edilib, manat", "İcra edilib, manat"],
        [
            [
                row["period"]["year"],
                row["period"]["quarter"],
                f"{row['period']['end']:%d.%m.%Y}",
                row["section"]["code"],
                row["section"]["name"],
                manats(row["planned_qepik"]),
                manats(row["spent_qepik"]),
            ]
            for row in execution()
        ],
    )
    write_text(
        "control-measures.csv",
        ["Nömrə", "Növ", "Qurum", "Başlanıb", "Bitib", "Aşkar edilib, manat", "Bərpa edilib, manat", "Prokurorluğa göndərilib"],
        [
            [
                row["number"],
                row["kind"],
                row["body"],
                row["began_on"],
                row.get("ended_on", ""),
                manats(row["found_qepik"]),
                manats(row["recovered_qepik"]),
                "bəli" if row["referred"] else "xeyr",
            ]
            for row in control()
        ],
    )
    write_book(
        "procurement.xlsx",
        "Müqavilələr",
        "Dövlət satınalmaları üzrə bağlanmış müqavilələr",
        ["Nömrə", "Tarix", "Satınalan", "Satınalanın VÖEN-i", "Predmet", "Üsul", "İştirakçı", "Malgöndərən", "Malgöndərənin VÖEN-i", "Məbləğ, manat"],
        [
            [
                row["number"],
                row["signed_on"],
                row["buyer"]["name"],
                row["buyer"]["voen"],
                row["subject"],
                row["method"],
                row["bidders"],
                row["supplier"]["name"],
                row["supplier"]["voen"],
                row["amount_qepik"] / 100,
            ]
            for row in procurement()
        ],
    )
    write_book(
        "grants-paid.xlsx",
        "Qrantlar",
        "Dövlət büdcəsindən ödənilmiş qrantlar",
        ["Nömrə", "Alan", "Alanın VÖEN-i", "Layihə", "Ödənilib", "Məbləğ, manat"],
        [
            [
                row["number"],
                row["recipient"]["name"],
                row["recipient"]["voen"],
                row["project"],
                row["paid_on"],
                row["amount_qepik"] / 100,
            ]
            for row in grants()
        ],
    )


TABLES = {"execution": execution, "procurement": procurement, "control": control, "grants": grants}

if __name__ == "__main__":
    if sys.argv[1:2] == ["rows"]:
        print(json.dumps(TABLES[sys.argv[2]](), ensure_ascii=False, default=str))
    else:
        write()
