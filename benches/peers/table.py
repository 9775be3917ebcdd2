"""Tables on a terminal, and in Markdown."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]], markdown: bool) -> str:
    cells = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    # Names to the left, numbers to the right.
    aligned = [[cell.ljust(width) if column == 0 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths))] for row in cells]
    rule = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    if not markdown:
        return "\n".join("  ".join(row).rstrip() for row in aligned)
    aligned.insert(1, rule)
    return "\n".join(f"| {' | '.join(row)} |" for row in aligned)
