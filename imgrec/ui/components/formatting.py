"""Numbers formatted for people: percentages, counts, times, sizes."""

from collections.abc import Sequence


def percent(probability: float) -> str:
    """Formats a probability as a percentage; never a false 0% or 100%."""
    if probability < 0.001:
        return "< 0.1 %"
    if probability > 0.999:
        return "> 99.9 %"
    digits = 1 if probability < 0.1 or probability > 0.99 else 0
    return f"{100 * probability:.{digits}f} %"


def count(number: int) -> str:
    """Formats a number of parameters, such as `1.25 M`."""
    return f"{number / 1e6:.3g} M" if number >= 1e6 else f"{number:,}"


def shape(sides: Sequence[int]) -> str:
    """Formats an output shape, such as `32 × 32 × 64`."""
    return " × ".join(map(str, sides))


def signed(value: float, digits: int = 0) -> str:
    """Formats a number with so many decimals and a typographic minus; never `−0`."""
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.replace("-", "")


NO_VALUE = "–"


def share(value: float | None) -> str:
    """Formats a measured share as a percentage; unlike a probability, it may be 0% or 100%."""
    return NO_VALUE if value is None else f"{100 * value:.1f} %"


def unbroken(text: str) -> str:
    """Returns the text with no line break between a number and its percent sign."""
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def megabytes(size: int) -> str:
    """Formats a size on disk, such as `5.0 MB`."""
    return f"{size / 1e6:.1f} MB" if size < 1e8 else f"{size / 1e6:.0f} MB"


def counted(number: int, what: str) -> str:
    """Formats a count with its noun: `1 picture`, `1,200 pictures`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Formats a duration: `8 s`, `12 min`, `1 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# The filters of the templates (imgrec.ui.components.templates).
FORMATS = (percent, count, shape, signed, share, unbroken, megabytes, counted, duration)
