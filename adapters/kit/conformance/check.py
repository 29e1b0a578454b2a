"""A check as a row of the table: its name, the rule, where the rule stands, and to whom it applies."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import getdoc

from adapters.kit.conformance.case import ConformanceCase
from adapters.kit.conformance.trial import Trial
from adapters.kit.resource_spec import StorageTerms
from vpp.domain.errors import InvariantError
from vpp.domain.fleet import ResourceKind

Applies = Callable[[ConformanceCase], str]
"""Why a check does not apply to a case; empty when it does."""
SOURCE = "Source: "


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and the function that tries it.

    Attributes:
        group: Which part of the contract it belongs to.
        run: Raises ``ConformanceError`` when the rule does not hold; its docstring says rule and source.
        why_not: See ``Applies``.
    """

    group: str
    run: Callable[[Trial], Awaitable[None]]
    why_not: Applies

    @property
    def name(self) -> str:
        """Group and function, for reports and for choosing."""
        return f"{self.group}.{getattr(self.run, '__name__', 'check')}"

    @property
    def rule(self) -> str:
        """The rule in words."""
        return self._parts()[0]

    @property
    def source(self) -> str:
        """Where the rule stands."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        rule, found, source = (getdoc(self.run) or "").rpartition(SOURCE)
        if not found:
            raise InvariantError(f"check {self.name!r}: its docstring names no source")
        return " ".join(rule.split()), source.strip().rstrip(".")


def everybody(case: ConformanceCase) -> str:
    """Applies to every case."""
    del case
    return ""


def only(*kinds: ResourceKind) -> Applies:
    """Applies to resources of these kinds."""
    names = ", ".join(kinds)
    return lambda case: "" if case.subject.kind in kinds else f"for {names} only, this is {case.subject.kind}"


def all_but(*kinds: ResourceKind) -> Applies:
    """Applies to resources of any other kind."""
    return lambda case: f"not for {case.subject.kind}" if case.subject.kind in kinds else ""


def may_export(case: ConformanceCase) -> str:
    """Applies to storage that may feed back."""
    terms = case.subject.terms
    return "" if isinstance(terms, StorageTerms) and terms.export_allowed else "for storage that may feed back only"


def may_not_export(case: ConformanceCase) -> str:
    """Applies to all that may never feed back."""
    return "may feed back" if may_export(case) == "" else ""


def table(
    group: str, *functions: Callable[[Trial], Awaitable[None]], applies: Applies = everybody
) -> tuple[Check, ...]:
    """Rows for ``functions``, in order."""
    return tuple(Check(group, function, applies) for function in functions)
