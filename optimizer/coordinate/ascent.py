"""The first guess of the prices: climbs the Lagrangian bound of a sample.

Each step costs one answer of the sample. The bound is concave but kinked, so that a quasi-Newton method does not reach
its top; it comes near enough in a hundred steps for column generation to begin there.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from optimizer.blas import on_one_thread
from optimizer.coordinate.master import Duals, Master
from optimizer.respond.answer import Answer, PriceTables
from vpp.domain.flexibility import Series

STEPS = 100
MEMORY = 10


class _OutOfTimeError(Exception):
    """Leaves the search from within."""


@on_one_thread
def climbed(
    respond: Callable[[PriceTables], Answer], master: Master, start: Duals, out_of_time: Callable[[], bool]
) -> Duals:
    """The best prices seen on the way up from ``start``."""
    best = (-np.inf, start)
    low, high = master.price_limits

    def downwards(flat: Series) -> tuple[float, Series]:
        nonlocal best
        if out_of_time():
            raise _OutOfTimeError
        duals = master.split(flat)
        answer = respond(master.tables(duals))
        bound = master.bound(duals, answer)
        if bound > best[0]:
            best = (bound, duals)
        return -bound, -master.slope(flat, answer)

    flat = np.clip(start.flat, low, high)
    for _ in range(2):
        # The search ends at the first kink that its line search cannot pass; a second one forgets the curvature there.
        try:
            found = minimize(
                downwards,
                flat,
                jac=True,
                method="L-BFGS-B",
                bounds=np.stack([low, high], axis=1),
                options={"maxfun": STEPS, "maxcor": MEMORY},
            )
        except _OutOfTimeError:
            break
        if found.nfev >= STEPS:
            break
        flat = best[1].flat
    return best[1]
