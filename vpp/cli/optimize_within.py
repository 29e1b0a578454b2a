"""The best plan by a deadline, for a command that ends right after it: kept from outside the solver, by a thread.

The service keeps its deadlines with worker processes (``vpp.infra.anytime``); a command that plans once and ends needs
no worker that outlives its call.
"""

import threading
import time

from optimizer import WorkLimits, improving_plans
from optimizer.plan import Method
from optimizer.validate import check_names
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import DispatchProblem, PlanningOutcome
from vpp.domain.errors import OutsideError

FIRST_PLAN_S = 60.0
"""Time that the very first plan may take beyond the deadline: without it there is nothing to write."""


class Within:
    """Plans in a thread of its own; ``newest`` is the best outcome so far."""

    def __init__(self, problem: DispatchProblem, method: Method, deadline_s: float) -> None:
        """Begins at once."""
        self._problem, self._method, self._deadline_s = problem, method, deadline_s
        self._begun = time.perf_counter()
        self._found: list[PlanningOutcome] = []
        self._error: Exception | None = None
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._plan, name="plan within a deadline", daemon=True)
        self._thread.start()

    @property
    def still_busy(self) -> bool:
        """Whether the solver has not come back."""
        return self._thread.is_alive()

    def newest(self) -> PlanningOutcome:
        """The newest outcome when the deadline is over, or the final one where that comes earlier.

        Raises:
            InputError: the problem is malformed.
            OutsideError: not even a first plan was there long after the deadline.
        """
        left_s = self._deadline_s - (time.perf_counter() - self._begun)
        self._thread.join(max(left_s, 0.0))
        if not self._first.wait(FIRST_PLAN_S):
            raise OutsideError(f"no plan {FIRST_PLAN_S:g} s after the deadline of {self._deadline_s:g} s")
        if self._error is not None:
            raise self._error
        return self._found[-1]

    def _plan(self) -> None:
        try:
            check_names(self._problem)
            limits = WorkLimits(deadline_s=self._deadline_s)
            for outcome in improving_plans(columns_of(self._problem), method=self._method, limits=limits):
                self._found.append(outcome)
                self._first.set()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits, and raised there
            self._error = error
        finally:
            self._first.set()
