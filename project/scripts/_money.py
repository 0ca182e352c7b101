"""How the shop writes money and changes. A module beside the scripts: they import it by its name."""

from decimal import Decimal


def euros(amount: Decimal | float) -> str:
    """€263.40, €48,210 or €4.82 M: as exact as the size deserves."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size >= 1_000_000:
        return f"{sign}€{size / 1_000_000:.2f} M"
    return f"{sign}€{size:,.0f}" if size >= 10_000 else f"{sign}€{size:,.2f}"


def change(now: Decimal | float, before: Decimal | float) -> str | None:
    """The change in percent with its sign; None where there was nothing before."""
    return f"{(float(now) / float(before) - 1) * 100:+.1f} %" if before else None
