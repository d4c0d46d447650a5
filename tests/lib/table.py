"""The tables of docs/tokens.md that commands make: a row for each thing, a column for each kind of token, between two comments."""
import pathlib

from tokens import KINDS

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "tokens.md"
END = "<!-- end -->"


def read(begin):
    """{kind: {row: cell}} of the table that begins like this."""
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in DOCUMENT.read_text().split(begin)[1].split(END)[0].strip().splitlines()]
    kinds = lines[0][1:] if lines else []
    return {kind: {line[0]: line[column + 1] for line in lines[2:]} for column, kind in enumerate(kinds)}


def show(columns):
    rows = list(dict.fromkeys(row for column in reversed(columns.values()) for row in column))
    lines = [["", *columns], ["---"] * (len(columns) + 1)] + [[row, *(columns[k].get(row, "-") for k in columns)] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(begin, columns):
    """Puts it in the place of the old one, and prints it."""
    text = show({kind: columns[kind] for kind in KINDS if kind in columns})
    before, rest = DOCUMENT.read_text().split(begin)
    DOCUMENT.write_text(f"{before}{begin}\n{text}\n{END}{rest.split(END, 1)[1]}")
    print(text)
