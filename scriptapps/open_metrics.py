"""Writes numbers in the text format of OpenMetrics 1.0.

Runs on: any thread; pure text. Invariant: each family is written once, its samples together, and ``# EOF`` comes last.
"""

from __future__ import annotations

from collections.abc import Iterable

from scriptapps.run_counts import Histogram

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})

Samples = Iterable[tuple[dict[str, str], float]]


class MetricsText:
    """Families of metrics, one after the other. ``unit`` is the end of the name where there is one."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def info(self, name: str, about: str, labels: dict[str, str]) -> None:
        """What does not change, as labels."""
        self._begin(name, "info", about)
        self._sample(f"{name}_info", labels, 1)

    def gauge(self, name: str, about: str, value: float | None, *, unit: str = "") -> None:
        """A number that goes up and down; None: it is not known here and is left out."""
        if value is not None:
            self._begin(name, "gauge", about, unit)
            self._sample(name, {}, value)

    def counter(self, name: str, about: str, samples: Samples) -> None:
        """A number that only grows, for each set of labels."""
        self._begin(name, "counter", about)
        for labels, value in samples:
            self._sample(f"{name}_total", labels, value)

    def histogram(self, name: str, about: str, histogram: Histogram) -> None:
        """Seconds by upper bound."""
        self._begin(name, "histogram", about, "seconds")
        below = 0
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
            below += count
            self._sample(f"{name}_bucket", {"le": bound}, below)
        self._sample(f"{name}_count", {}, below)
        self._sample(f"{name}_sum", {}, histogram.total)

    def end(self) -> str:
        """The whole text."""
        return "\n".join([*self._lines, "# EOF", ""])

    def _begin(self, name: str, kind: str, about: str, unit: str = "") -> None:
        self._lines.append(f"# TYPE {name} {kind}")
        if unit:
            self._lines.append(f"# UNIT {name} {unit}")
        self._lines.append(f"# HELP {name} {about.translate(_ESCAPES)}")

    def _sample(self, name: str, labels: dict[str, str], value: float) -> None:
        pairs = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
        self._lines.append(f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}")
