"""What a participant may allow others to do with its data; without a consent in force nothing leaves."""

from enum import StrEnum


class ConsentScope(StrEnum):
    """What is consented to."""

    ENERGY_DATA = "energy-data"
    """Exporting the participant's own metered energy, baselines and statements to whom it names."""
