"""The benchmark as one picture: what part of the bare token each row reaches, with its target, and how long requests take."""
import math

import svg
from svg import line, text

WIDTH, LINE, TOP, LABELS = 1080, 24, 64, 260
RATIO_WIDTH, TIME_LEFT, TIME_WIDTH = 300, 640, 400
SHORTEST_US, DECADES = 10, 5


def ratio_x(ratio):
    return LABELS + RATIO_WIDTH * min(ratio, 1.1)


def time_x(us):
    return TIME_LEFT + TIME_WIDTH * min(max(math.log10(max(us, 1) / SHORTEST_US), 0), DECADES) / DECADES


def frame(bottom):
    for part in (0, 0.25, 0.5, 0.75, 1):
        yield line(ratio_x(part), TOP, ratio_x(part), bottom, "line")
        yield text(ratio_x(part), bottom + 16, f"{part:g}", "soft", "middle")
    for decade in range(DECADES + 1):
        us = SHORTEST_US * 10 ** decade
        yield line(time_x(us), TOP, time_x(us), bottom, "line")
        yield text(time_x(us), bottom + 16, f"{us} us" if us < 1000 else f"{us // 1000} ms", "soft", "middle")
    yield text(LABELS, TOP - 12, "of the bare token (mark: the target; orange: missed)", "soft")
    yield text(TIME_LEFT, TOP - 12, "latency: p50, p99, p99.9", "soft")


def draw_row(row, y):
    middle = y + LINE / 2
    yield text(LABELS - 10, middle + 4, f"{row['name']} · {row['connections']}", "", "end")
    missed = row["target"] is not None and row["ratio"] < row["target"]
    width, kind = max(1, ratio_x(row["ratio"]) - LABELS), "short" if missed else "bar"
    yield f'<rect x="{LABELS}" y="{y + 5}" width="{width:.1f}" height="{LINE - 10}" class="{kind}"/>'
    if row["target"] is not None:
        yield line(ratio_x(row["target"]), y + 2, ratio_x(row["target"]), y + LINE - 2, "mark")
    yield text(LABELS + RATIO_WIDTH * 1.1 + 36, middle + 4, f"{row['ratio']:.2f}", "soft", "end")
    yield line(time_x(row["p50_us"]), middle, time_x(row["p999_us"]), middle, "span")
    for name in ("p50_us", "p99_us", "p999_us"):
        yield f'<circle cx="{time_x(row[name]):.1f}" cy="{middle}" r="3.5" class="dot"/>'


def draw(file, about, rows):
    shown = [row for row in rows if row["front_cpu_us"]]
    bottom = TOP + LINE * len(shown)
    parts = [text(12, 24, "hsmgate beside the bare token (operation · connections)"), *frame(bottom)]
    for number, row in enumerate(shown):
        parts += draw_row(row, TOP + LINE * number)
    parts.append(text(12, bottom + 40, "; ".join(about), "soft"))
    svg.write(file, WIDTH, bottom + 50, "hsmgate beside the bare token", parts)
