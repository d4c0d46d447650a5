"""What the benchmark prints: a line for each row, the budget with what was met and missed, and an earlier run beside this one."""
COLUMNS = [
    ("operation", "name", "{:<34}"), ("conns", "connections", "{:>5}"), ("op/s", "ops_per_s", "{:>8.0f}"), ("token/s", "token_ops_per_s", "{:>8.0f}"),
    ("ratio", "ratio", "{:>5.2f}"), ("by CPU", "ratio_by_cpu", "{:>6.2f}"),
    ("p50 us", "p50_us", "{:>8.0f}"), ("p99 us", "p99_us", "{:>8.0f}"), ("p99.9", "p999_us", "{:>8.0f}"),
    ("front us", "front_cpu_us", "{:>8.1f}"), ("worker us", "worker_cpu_us", "{:>9.1f}"), ("above", "above_token_us", "{:>7.1f}"),
    ("syncs/s", "fsyncs_per_s", "{:>7.0f}"), ("RSS MiB", "rss_mib", "{:>7.1f}"),
]

# What is promised: the row, its field, which way is better, and how to say it.
BUDGET = [
    ("CPU per request above the token, P-256", "sign P-256", 64, "above_token_us", "<=", 45, "{:.1f} us"),
    ("CPU per request above the token, AES-GCM", "encrypt AES-GCM", 64, "above_token_us", "<=", 45, "{:.1f} us"),
    ("P-256, one item per request, of the bare token", "sign P-256", 64, "ratio", ">=", 0.5, "{:.2f}"),
    ("AES-GCM encrypt, likewise", "encrypt AES-GCM", 64, "ratio", ">=", 0.3, "{:.2f}"),
    ("P-256, batch of 64", "sign P-256, batch of 64", 16, "ratio", ">=", 0.75, "{:.2f}"),
    ("AES-GCM encrypt, batch of 64", "encrypt AES-GCM, batch of 64", 16, "ratio", ">=", 0.75, "{:.2f}"),
    ("RSA-2048", "sign RSA-2048", 16, "ratio", ">=", 0.9, "{:.2f}"),
    ("slow token, of 8 000 op/s", "sign P-256, slow token", 64, "ratio", ">=", 0.9, "{:.2f}"),
    ("RSS with 1 000 idle connections, fresh", "idle connections, fresh front", 1000, "rss_mib", "<=", 32, "{:.1f} MiB"),
    ("RSS with 1 000 idle connections, after load", "idle connections, after load", 1000, "rss_mib", "<=", 32, "{:.1f} MiB"),
    ("worker killed under load, serving again", "worker killed under load", 16, "seconds", "<=", 2, "{:.2f} s"),
]


def value(row, field):
    return row["rss_kib"] / 1024 if field == "rss_mib" else row[field]


def budget(rows):
    """(what, target, measured, measured by CPU, met) as text of each line whose row was measured."""
    for what, name, connections, field, way, target, form in BUDGET:
        for row in rows:
            if row["name"] == name and row["connections"] == connections:
                measured = value(row, field)
                met = measured <= target if way == "<=" else measured >= target
                by_cpu = f"{row['ratio_by_cpu']:.2f}" if field == "ratio" and "slow" not in name else ""
                yield what, f"{way} {form.format(target)}", form.format(measured), by_cpu, met


def show(about, rows):
    print("\n".join(about))
    print("CPU (front, worker, above the token) is us for each request; syncs are those of the audit log\n")
    forms = [(title, form.replace(".0f", "").replace(".1f", "").replace(".2f", "")) for title, _, form in COLUMNS]
    print(" ".join(form.format(title) for title, form in forms))
    for row in rows:
        if row["ops_per_s"]:
            refused = f"  refused {row['refused_per_s']:.0f}/s" if row["refused_per_s"] else ""
            print(" ".join(form.format(value(row, field)) for _, field, form in COLUMNS) + refused)
    print(f"\n{'budget':48} {'target':>12} {'measured':>10} {'by CPU':>7}")
    for what, target, measured, by_cpu, met in budget(rows):
        print(f"{what:48} {target:>12} {measured:>10} {by_cpu:>7}  {'met' if met else 'MISSED'}")
    print()


def key(row):
    return row["name"], row["connections"], row["batch"]


def compare(old, rows):
    """Each row of both runs: old, new, and new / old."""
    before = {key(row): row for row in old}
    compared = [("op/s", "ops_per_s", "{:.0f}"), ("p99 us", "p99_us", "{:.0f}"), ("front us", "front_cpu_us", "{:.1f}"),
                ("worker us", "worker_cpu_us", "{:.1f}"), ("RSS MiB", "rss_mib", "{:.1f}"), ("seconds", "seconds", "{:.2f}")]
    print(f"{'against the saved run: old, new, new/old':40}" + "".join(f"{title:>26}" for title, _, _ in compared[:-1]))
    for row in rows:
        was = before.get(key(row))
        if was is None:
            continue
        cells = []
        for title, field, form in compared:
            one, other = value(was, field), value(row, field)
            cells.append(f"{form.format(one)} {form.format(other)} {other / one:5.2f}" if one and other else "")
        print(f"{row['name']:34} {row['connections']:>5}" + "".join(f"{cell:>26}" for cell in cells).rstrip())
    print()
