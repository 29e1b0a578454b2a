"""How much work a plan may cost: deterministic limits for virtual time, a wall-clock deadline for live service."""

from dataclasses import dataclass

from vpp.domain.errors import InputError


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """Bounds on one planning call.

    Without ``deadline_s`` the answer depends on the problem alone, never on how fast the machine is.

    Attributes:
        mip_gap: Relative optimality gap at which the search stops.
        node_limit: Branch-and-bound nodes; the search ends after this many.
        simplex_iteration_limit: Iterations of any one simplex run.
        threads: That answer prices at once; the answer does not depend on it.
        deadline_s: Seconds from the call to the answer; ``None`` where time is virtual.
    """

    mip_gap: float = 0.005
    node_limit: int = 200
    simplex_iteration_limit: int = 200_000
    threads: int = 2
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        for name, value, least in (
            ("mip_gap", self.mip_gap, 0.0),
            ("node_limit", self.node_limit, 0),
            ("simplex_iteration_limit", self.simplex_iteration_limit, 0),
            ("threads", self.threads, 1),
            ("deadline_s", self.deadline_s, 0.0),
        ):
            if value is not None and not least <= value < float("inf"):
                raise InputError(f"work limit {name} is {value}, expected a finite number and at least {least:g}")
