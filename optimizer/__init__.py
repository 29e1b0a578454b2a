"""From a dispatch problem to a dispatch plan: a pure, synchronous function."""

from optimizer.limits import WorkLimits
from optimizer.plan import plan_dispatch

__all__ = ["WorkLimits", "plan_dispatch"]
