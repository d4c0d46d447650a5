"""Parts of pictures that a benchmark or a soak draws: SVG by hand, so that nothing has to be installed. Colours follow the reader's light
or dark setting."""
import html

STYLE = """
svg{font:13px system-ui,sans-serif}
text{fill:#1b1f24} .soft{fill:#66707b} .page{fill:#fff} .bar{fill:#3b76c4} .short{fill:#d07b2a} .dot{fill:#1b1f24}
.line{stroke:#d9dee3} .mark{stroke:#c0392b;stroke-width:2} .span{stroke:#3b76c4;stroke-width:3}
.first{fill:none;stroke:#3b76c4;stroke-width:2} .second{fill:none;stroke:#d07b2a;stroke-width:2}
@media(prefers-color-scheme:dark){
text{fill:#e6e9ec} .soft{fill:#9aa4ae} .page{fill:#15191d} .bar{fill:#6aa3ea} .short{fill:#e39a50} .dot{fill:#e6e9ec}
.line{stroke:#3a424a} .mark{stroke:#ff7a6b} .span{stroke:#6aa3ea} .first{stroke:#6aa3ea} .second{stroke:#e39a50}}
"""


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def path(points, kind):
    return f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}" class="{kind}"/>'


def write(file, width, height, title, parts):
    """The whole picture; makes the folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
                               f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
                               f'<rect width="{width}" height="{height}" class="page"/>',
                               *parts, "</svg>"]) + "\n")
