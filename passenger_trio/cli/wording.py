"""How numbers are said to people. Pure."""


def clock(seconds: float) -> str:
    """Time that runs out, as ``14:32``."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02}"


def span(seconds: float) -> str:
    """A length of time, to the accuracy one cares for: ``45 s``, ``24 min``, ``1 h 05 min``."""
    if seconds < 59.5:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02} min"


def amount(number: int | None) -> str:
    """A limit in tokens, as ``128k``, ``1.05M`` or ``-`` for an unknown one."""
    if number is None:
        return "-"
    if number < 1000:
        return str(number)
    if number < 999_500:
        return f"{round(number / 1000)}k"
    return f"{number / 1_000_000:.2f}".rstrip("0").rstrip(".") + "M"


def table(rows: list[list[str]], *, right: frozenset[int] = frozenset(), gap: str = "  ") -> str:
    """Rows of cells in aligned columns; those of the numbers in ``right`` stand to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        gap.join(
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
