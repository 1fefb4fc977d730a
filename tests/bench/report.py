"""Turns the lines of tests/bench/compare into a table and, into a folder, plots: throughput and latency as SVG.

usage: report.py LINES MACHINE [FOLDER]
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
            ratio = median(a["per_second"] / b["per_second"] for a, b in zip(own, theirs, strict=True))
            times = " | ".join(spread([line[name] for line in own]) for name in ("p50_us", "p99_us", "p999_us"))
            rate, cpu = (spread([line[name] for line in own]) for name in ("per_second", "cpu_us"))
            yield f"| {size} | {pair} | {rate} | {ratio:.2f} | {cpu} | {times} |"
    yield ""
    yield "| queries/s that come | pair | answered/s | CPU µs | p50 µs | p99 µs | p99.9 µs |"
    yield "|---|---|---|---|---|---|---|"
    for line in (line for line in lines if "rate" in line):
        figures = " | ".join(str(line[name]) for name in ("per_second", "cpu_us", "p50_us", "p99_us", "p999_us"))
        yield f"| {line['rate']} | {line['pair']} | {figures} |"


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
    ticks = [floor * 10**n for n in range(9) if floor * 10**n <= highest * 1.2] if logarithmic else [highest * n / 4 for n in range(5)]
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
