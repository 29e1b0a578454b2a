"""Metrics kept in dictionaries, for the harness and for tests."""


class MemoryMetrics:
    """Implements ``Metrics``.

    Attributes:
        counts: Sum per name and labels, the labels as sorted pairs.
        gauges: Last value per name and labels.
        notes: Messages and their details, in order.
    """

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.counts: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self.gauges: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self.notes: list[tuple[str, dict[str, object]]] = []

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Adds to a counter."""
        key = (name, tuple(sorted(labels.items())))
        self.counts[key] = self.counts.get(key, 0.0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Sets a gauge."""
        self.gauges[name, tuple(sorted(labels.items()))] = value

    def note(self, message: str, **details: object) -> None:
        """Keeps a message."""
        self.notes.append((message, details))

    def total(self, name: str) -> float:
        """Sum of a counter over all its labels; 0 when it was never counted."""
        return sum(amount for (counted, _), amount in self.counts.items() if counted == name)
