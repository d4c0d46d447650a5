"""What a soak found: requests by what they asked and what became of them, memory over time, and whether everything held."""
import svg
from svg import line, text

SLOPE_MIB_PER_HOUR, JUDGED_FROM_S = 4, 1800  # shorter runs say nothing of a slope
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000, 360, 60, 50, 310


def requests(tally):
    """A line for each kind of request."""
    statuses = {}
    for (what, status), count in tally.counts.items():
        if count:
            statuses.setdefault(what, {})[status] = count
    print(f"{'requests':32} answers by status")
    for what, counts in sorted(statuses.items(), key=lambda pair: -sum(pair[1].values())):
        print(f"{what:32} " + ", ".join(f"{status}: {count}" for status, count in sorted(counts.items(), key=lambda pair: str(pair[0]))))
    print(f"{'together':32} {sum(count for (_, status), count in tally.counts.items() if status != '-')}\n")


def memory(samples, rows=12):
    """Some of the samples, first and last among them."""
    print(f"{'minute':>7} {'front MiB':>10} {'calm worker':>12} {'main worker':>12} "
          f"{'fds front':>10} {'calm':>5} {'threads':>8} {'under way':>10} {'conns':>6} {'requests':>10}")
    chosen = sorted({round(i * (len(samples) - 1) / max(1, rows - 1)) for i in range(rows)})
    for sample in (samples[i] for i in chosen):
        rss = [f"{sample.rss_kib[part] / 1024:.1f}" if part in sample.rss_kib else "-" for part in ("front", "calm", "main")]
        print(f"{sample.at / 60:>7.1f} {rss[0]:>10} {rss[1]:>12} {rss[2]:>12} {sample.descriptors['front']:>10} "
              f"{sample.descriptors.get('calm', 0):>5} "
              f"{sample.threads['front']:>8} {sample.under_way:>10} {sample.connections:>6} {sample.requests:>10}")
    print()


def verdicts(run):
    """(what, what was found, whether it holds) of each promise; `run` is a Soak that has ended."""
    steady = [sample for sample in run.samples if sample.at >= run.warm_up_s]
    for part in ("front", "calm"):
        slope = run.slope(part)
        short = run.lasted_s < JUDGED_FROM_S
        yield (f"memory of {'the front' if part == 'front' else 'the calm worker'}", f"{slope:+.2f} MiB an hour over {len(steady)} samples"
               + (" (too short a run to judge)" if short else ""), short or slope <= SLOPE_MIB_PER_HOUR)
    for part in ("front", "calm"):
        before, after = run.first.descriptors[part], run.last.descriptors[part]
        yield f"descriptors, {part}", f"{before} at the start, {after} at the end", after <= before + 2
    before, after = run.first.threads["front"], run.last.threads["front"]
    yield "threads of the front", f"{before} at the start, {after} at the end", after <= before + 1
    yield ("stuck requests", f"{run.last.under_way} under way after the load, {run.last.connections} connections",
           run.last.under_way == 0 and run.last.connections <= 1)
    yield "answers that nobody expected", str(len(run.tally.unexpected)), not run.tally.unexpected
    yield "audit log", run.verdict, run.intact


def show(run):
    requests(run.tally)
    memory(run.samples)
    events = [what for _, what in run.chaos.events]
    counted = ", ".join(f"{what} {events.count(what)}" for what in sorted(set(events)))
    print(f"chaos: {counted or 'none'}; worker `main` restarted {run.restarts:.0f} times\n")
    for problem in run.tally.unexpected[:20]:
        print(f"not expected: {problem}")
    held = True
    for what, found, holds in verdicts(run):
        held = held and holds
        print(f"{what:32} {found:60} {'held' if holds else 'BROKEN'}")
    return held


def draw(file, run):
    """Memory of front and calm worker over time; marks show what went wrong meanwhile."""
    end = max(run.samples[-1].at, 1)
    top = max(max(sample.rss_kib.values()) for sample in run.samples) / 1024 * 1.1

    def place(at, mib):
        return LEFT + (WIDTH - LEFT - 20) * at / end, BOTTOM - (BOTTOM - TOP) * mib / top

    parts = [text(12, 24, f"hsmgate: memory over {run.lasted_s / 60:.0f} minutes, MiB (blue: the front; orange: the worker left alone; red: chaos)")]
    for i in range(5):
        y = place(0, top * i / 4)[1]
        parts += [line(LEFT, y, WIDTH - 20, y, "line"), text(LEFT - 6, y + 4, f"{top * i / 4:.0f}", "soft", "end")]
        parts.append(text(place(end * i / 4, 0)[0], BOTTOM + 20, f"{end * i / 240:.0f} min", "soft", "middle"))
    parts += [line(place(at, 0)[0], BOTTOM - 6, place(at, 0)[0], BOTTOM, "mark") for at, _ in run.chaos.events]
    for part, kind in (("front", "first"), ("calm", "second")):
        parts.append(svg.path([place(sample.at, sample.rss_kib[part] / 1024) for sample in run.samples if part in sample.rss_kib], kind))
    svg.write(file, WIDTH, HEIGHT, "hsmgate: memory over time", parts)
