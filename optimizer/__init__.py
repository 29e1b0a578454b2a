"""From a dispatch problem to a dispatch plan: a pure, synchronous function."""

from optimizer.limits import WorkLimits
from optimizer.plan import improving_plans, plan_columns, plan_dispatch

__all__ = ["WorkLimits", "improving_plans", "plan_columns", "plan_dispatch"]
