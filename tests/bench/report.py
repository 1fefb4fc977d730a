"""Turns the lines of tests/bench/compare into tables and, into a folder, plots: throughput and latency as SVG.

usage: report.py LINES MACHINE [FOLDER]
       report.py --workloads LINES      the tables of tests/bench/workloads
"""
import pathlib
import sys
from statistics import median

COLOURS = {"nginx": "#0a7d36", "haproxy": "#1f5fbf", "caddy": "#b06a00", "nodes": "#b3123b"}
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 360, 70, 50, 30


def read(path):
    """Lines of `name=value`, numbers as numbers."""
    for line in pathlib.Path(path).read_text().splitlines():
        fields = dict(word.split("=", 1) for word in line.split())
        yield {name: int(text) if text.isdigit() else text for name, text in fields.items()}


def spread(values):
    values = sorted(values)
    middle = round(median(values))
    return f"{middle}" if len(values) == 1 else f"{middle} ({values[0]}–{values[-1]})"


def table(lines):
    """Two tables in Markdown."""
    yield "| connections | pair | exchanges/s | by nginx | CPU µs | p50 µs | p99 µs | p99.9 µs |"
    yield "|---|---|---|---|---|---|---|---|"
    closed = [line for line in lines if "connections" in line]
    for size in sorted({line["connections"] for line in closed}):
        for pair in COLOURS:
            own = [line for line in closed if (line["connections"], line["pair"]) == (size, pair)]
            theirs = [line for line in closed if (line["connections"], line["pair"]) == (size, "nginx")]
            ratio = by_nginx(own, theirs, "per_second")
            times = " | ".join(spread([line[name] for line in own]) for name in ("p50_us", "p99_us", "p999_us"))
            rate, cpu = (spread([line[name] for line in own]) for name in ("per_second", "cpu_us"))
            yield f"| {size} | {pair} | {rate} | {ratio} | {cpu} | {times} |"
    yield from ("", f"| pair, 64 connections, consumer / provider | {TOOK} |", "|---|---|---|---|---|---|")
    for pair in COLOURS:
        yield f"| {pair} | {took([line for line in closed if (line['connections'], line['pair']) == (64, pair)])} |"
    yield from paced(lines, "rate", "queries/s that come")
    yield from paced(lines, "many", "connections, 1,000 queries/s")


def paced(lines, key, title):
    """The table of an open loop: as many queries as come."""
    yield from ("", f"| {title} | pair | answered/s | CPU µs | p50 µs | p99 µs | p99.9 µs | peak MiB |", "|---|---|---|---|---|---|---|---|")
    for line in (line for line in lines if key in line):
        figures = " | ".join(str(line[name]) for name in ("per_second", "cpu_us", "p50_us", "p99_us", "p999_us"))
        yield f"| {line[key]} | {line['pair']} | {figures} | {ends([line], 'peak_kib', lambda kib: f'{kib / 1024:.0f}')} |"


def ends(lines, name, shown=str):
    """A figure of both ends, medians of the rounds: consumer, provider."""
    return " / ".join(shown(round(median(line[f"{name}_{end}"] for line in lines))) for end in ("consumer", "provider"))


def took(lines):
    """What an exchange took of the machine at each end."""
    cells = [ends(lines, "cpu_us"), ends(lines, "peak_kib", lambda kib: f"{kib / 1024:.0f}")]
    cells += [ends(lines, "journal_bytes"), ends(lines, "syncs_per_1000"), spread([line["disk_bytes"] for line in lines])]
    return " | ".join(cells)


TOOK = "CPU µs | peak MiB | journal, bytes | syncs of 1000 | disk, bytes of both"


def by_nginx(own, theirs, name):
    """The median of the rounds' ratios, with the lowest and the highest."""
    if len(own) != len(theirs) or not all(line[name] for line in theirs):
        return "–"
    ratios = sorted(a[name] / b[name] for a, b in zip(own, theirs, strict=True))
    return f"{median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f})"


def workloads(lines):
    """A table of what was answered and one of what it took, a row for each variant and pair; times to a first answer by themselves."""
    rows = {}
    for line in lines:
        rows.setdefault((line["workload"], str(line["variant"]), line["pair"]), []).append(line)
    loads = {row: of for row, of in rows.items() if "per_second" in of[0]}
    if loads:
        yield "| workload | pair | exchanges/s | by nginx | MiB/s | p50 µs | p99 µs | p99.9 µs |"
        yield "|---|---|---|---|---|---|---|---|"
    for (workload, variant, pair), own in loads.items():
        # Of large bodies, less than one is answered in a second.
        ratio = by_nginx(own, loads.get((workload, variant, "nginx"), []), "kib_per_second")
        mib = median(line["kib_per_second"] for line in own) / 1024
        times = " | ".join(spread([line[name] for line in own]) for name in ("p50_us", "p99_us", "p999_us"))
        yield f"| {workload} {variant} | {pair} | {spread([line['per_second'] for line in own])} | {ratio} | {mib:.1f} | {times} |"
    if loads:
        yield from ("", f"| workload, consumer / provider | pair | {TOOK} |", "|---|---|---|---|---|---|---|")
    for (workload, variant, pair), own in loads.items():
        yield f"| {workload} {variant} | {pair} | {took(own)} |"
    cold = {row: of for row, of in rows.items() if "first_answer_us" in of[0]}
    if cold:
        yield from ("", "| cold start | pair | to the first good answer, ms |", "|---|---|---|")
    for (_, variant, pair), own in cold.items():
        yield f"| {variant} | {pair} | {spread([line['first_answer_us'] // 1000 for line in own])} |"


def plot(title, unit, series, logarithmic):
    """Bars in groups: {group: {pair: value}}."""
    from math import log10

    groups = list(series)
    highest = max(value for group in series.values() for value in group.values())
    lowest = min(value for group in series.values() for value in group.values())
    floor = 10 ** int(log10(max(lowest, 1))) if logarithmic else 0
    area = HEIGHT - TOP - BOTTOM

    def up(value):
        if logarithmic:
            return area * log10(max(value, floor) / floor) / log10(highest * 1.2 / floor)
        return area * value / (highest * 1.05)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/><text x="{LEFT}" y="18" font-size="14">{title}</text>',
    ]
    if logarithmic:
        ticks = [floor * 10**n for n in range(9) if floor * 10**n <= highest * 1.2]
    else:
        apart = next(by * 10**n for n in range(9) for by in (1, 2, 5) if by * 10**n * 5 >= highest)
        ticks = range(0, int(highest) + 1, apart)
    for tick in ticks:
        y = HEIGHT - BOTTOM - up(tick)
        out.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - 10}" stroke="#ddd"/><text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{tick:,.0f}</text>')
    step = (WIDTH - LEFT - 10) / len(groups)
    bar = step * 0.8 / len(COLOURS)
    for i, group in enumerate(groups):
        x = LEFT + i * step + step * 0.1
        for j, (pair, value) in enumerate(series[group].items()):
            tall = max(up(value), 1)
            out.append(
                f'<rect x="{x + j * bar:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}" width="{bar * 0.9:.1f}" height="{tall:.1f}" '
                f'fill="{COLOURS[pair]}"><title>{pair}, {group}: {value:,.0f} {unit}</title></rect>'
            )
        out.append(f'<text x="{x + step * 0.4:.0f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{group}</text>')
    for j, (pair, colour) in enumerate(COLOURS.items()):
        x = LEFT + j * 100
        out.append(f'<rect x="{x}" y="{HEIGHT - 20}" width="10" height="10" fill="{colour}"/><text x="{x + 14}" y="{HEIGHT - 11}">{pair}</text>')
    return "\n".join([*out, "</svg>", ""])


def grouped(lines, by, of):
    sizes = sorted({line[by] for line in lines if by in line})
    value = lambda size, pair: median(line[of] for line in lines if line.get(by) == size and line["pair"] == pair)
    return {str(size): {pair: value(size, pair) for pair in COLOURS} for size in sizes}


def main():
    if sys.argv[1] == "--workloads":
        print("\n".join(workloads(list(read(sys.argv[2])))))
        return
    lines, machine = list(read(sys.argv[1])), pathlib.Path(sys.argv[2]).read_text()
    text = "\n".join([machine, *table(lines), ""])
    print(text, end="")
    if len(sys.argv) > 3:
        folder = pathlib.Path(sys.argv[3])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "compare.md").write_text(text)
        rate = grouped(lines, "connections", "per_second")
        (folder / "throughput.svg").write_text(plot("Exchanges a second, by connections", "a second", rate, False))
        late = grouped(lines, "rate", "p99_us")
        (folder / "latency.svg").write_text(plot("99th percentile, µs, by queries a second that come", "µs", late, True))


main()
