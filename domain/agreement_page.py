"""The parts that an agreement's page is put together from: sections, lists and tables.

Everything given to them is text and is escaped here, once. Colors have a contrast of at least 7 to
1 on white (WCAG 2.2, 1.4.6), and on paper rows stay whole and the tables' heads are repeated.
"""

import re
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """\
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.25; break-after: avoid; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { border: 1px solid #595959; padding: .35rem .5rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
thead th { background: #f0f0f0; }
.wide { overflow-x: auto; }
figure { margin: 1rem 0; }
svg { width: 100%; height: auto; }
svg text { font-size: 13px; fill: #1a1a1a; }
svg .amount { text-anchor: end; dominant-baseline: middle; }
svg .month { text-anchor: middle; }
svg .grid { stroke: #767676; stroke-width: .5; }
svg polyline { fill: none; stroke-width: 3; }
svg .within { stroke: #0b4884; }
svg .without { stroke: #7a2e00; stroke-dasharray: 10 6; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  thead { display: table-header-group; } tr, figure { break-inside: avoid; }
  .wide { overflow: visible; } }"""

HEAD = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Agreement on a debt management plan</title>
<style>
{_STYLE}
</style>
</head>
<body>
<main>"""
FOOT = "</main>\n</body>\n</html>\n"


def section(heading: str, body: str) -> str:
    """Return a section, labelled by its heading; `body` is HTML already."""
    name = re.sub(r"[^a-z]+", "-", heading.lower())
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(heading)}</h2>\n'
        f"{body}\n</section>"
    )


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def items(texts: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(("<ul>", *(f"<li>{escape(text)}</li>" for text in texts), "</ul>"))


def table(caption: str, head: Sequence[str] | None, rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first cell of each row is its header. An empty head cell is none."""
    lines = [
        '<div class="wide" tabindex="0" role="region" aria-label="' + escape(caption) + '">',
        f"<table>\n<caption>{escape(caption)}</caption>",
    ]
    if head is not None:
        cells = "".join(
            f'<th scope="col">{escape(cell)}</th>' if cell else "<td></td>" for cell in head
        )
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    lines.append("</tbody>\n</table>\n</div>")
    return "\n".join(lines)
