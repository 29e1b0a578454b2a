"""Counts the calls behind a block's response where some intervals may be called or not, as far as one can see."""

import numpy as np

from optimizer.respond.jit import compiled
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series

NEVER = 1e9


@compiled
def fewest_starts(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    on: Flags, silent: Flags, running: Index, min_run: Index, max_run: Index, min_rest: Index
) -> Series:
    """Fewest starts per row; ``on`` must be called, others may be where ``silent``; shapes (n, T) and (n,).

    Shortest path over the length of the present call, or of the rest after it. A row that no sequence of calls explains
    gets ``NEVER``.
    """
    count = on.shape[1]
    found = np.zeros(on.shape[0])
    for i in range(on.shape[0]):
        longest, rest = max(max_run[i], running[i]), min_rest[i]
        # Position k > 0: called for k intervals; position 0 - r: at rest for r, counted up to the rest needed.
        calls, idle = np.full(longest + 1, NEVER), np.full(rest + 1, NEVER)
        if running[i] > 0:
            calls[running[i]] = 0.0
        else:
            idle[rest] = 0.0
        for t in range(count):
            next_calls, next_idle = np.full(longest + 1, NEVER), np.full(rest + 1, NEVER)
            if on[i, t] or silent[i, t]:
                for k in range(1, max_run[i]):
                    next_calls[k + 1] = calls[k]
                if max_run[i] > 0 and count - t >= min_run[i]:
                    next_calls[1] = idle[rest] + 1.0
            if not on[i, t]:
                for k in range(max(min_run[i], 1), longest + 1):
                    next_idle[1] = min(next_idle[1], calls[k])
                for r in range(1, rest + 1):
                    after = min(r + 1, rest)
                    next_idle[after] = min(next_idle[after], idle[r])
            calls, idle = next_calls, next_idle
        found[i] = min(calls.min(), idle.min())
    return found
