"""Sums of responses, shared by the rows that couple resources with each other."""

from collections.abc import Iterable

from optimizer.formulation.linear import Responses, Term
from vpp.domain.flexibility import Series


def summed(responses: Responses, resources: Iterable[int], interval: int, weight: Series | None = None) -> list[Term]:
    """Terms of the (weighted) sum of responses in one interval; constants are left to ``summed_constant``."""
    found: list[Term] = []
    for i in resources:
        terms = responses.terms[i][interval]
        if weight is None:
            found.extend(terms)
        else:
            factor = float(weight[i])
            found.extend((factor * coefficient, variable) for coefficient, variable in terms)
    return found
