"""How much work a plan may cost: deterministic limits for virtual time, a wall-clock deadline for live service."""

from dataclasses import dataclass


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
