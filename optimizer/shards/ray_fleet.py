"""Shards on the machines of a Ray cluster, one actor each (needs the extra ``ray``).

An actor makes its shard from a holding once and answers questions until the plan is there. Where its machine is lost,
the shard is made anew on what is left, told what had changed it, and asked again: answers depend on the holding and on
those changes alone, so that the plan is the one that would have come anyway.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import ray
from ray.exceptions import ObjectLostError, RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from optimizer.shards.fleet import Fleet, Question
from optimizer.shards.holding import Holding
from optimizer.shards.shard import Shard
from vpp.domain.errors import OutsideError

R = TypeVar("R")
MOST_LOSSES = 5
Load = Callable[[], Holding]
"""Brings a shard's holding to the machine that asks for it."""


class _Actor:
    """Lives on a machine of the cluster."""

    def __init__(self, load: Load | Holding, threads: int) -> None:
        self._shard = Shard(load if isinstance(load, Holding) else load(), threads=threads)

    def answer(self, question: Question[Any]) -> Any:  # noqa: ANN401 - whatever the question asks for
        return question(self._shard)


@dataclass(slots=True, eq=False)
class _Remote:
    """One shard as the driver sees it.

    Attributes:
        source: Where the holding comes from: a reference into the driver's object store, or a loader.
        losses: How often its actor was lost.
    """

    number: int
    source: Any
    threads: int
    cpus: float
    losses: int = 0
    actor: Any = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new actor, in turn over the machines that are there; on another one where that is lost as well."""
        machines = sorted(node["NodeID"] for node in ray.nodes() if node["Alive"])
        place = NodeAffinitySchedulingStrategy(machines[self.number % len(machines)], soft=True)
        made = ray.remote(num_cpus=self.cpus, max_restarts=0, scheduling_strategy=place)(_Actor)
        self.actor = made.remote(self.source, self.threads)


class RayShards:
    """The shards of a fleet on a Ray cluster that is connected already (``ray.init``); leave it by ``close``."""

    def __init__(
        self, sources: Sequence[Holding | Load], *, threads: int = 1, cpus: float = 0.01, most_losses: int = MOST_LOSSES
    ) -> None:
        """Holdings are put into the driver's object store; loaders are called on the actors' machines.

        Args:
            sources: One per shard.
            threads: Of each actor.
            cpus: That Ray keeps for each actor: so little that all find a place, however few machines are left.
            most_losses: Of one shard, that are mended.
        """
        self._most_losses = most_losses
        self._changes: list[Any] = []
        self._shards = [
            _Remote(number, ray.put(source) if isinstance(source, Holding) else source, threads, cpus)
            for number, source in enumerate(sources)
        ]

    def each(self, question: Question[R], *, changes: bool = False) -> list[R]:
        """Every shard's answer; all are at work at once.

        Raises:
            OutsideError: a shard was lost more often than ``most_losses``.
        """
        sent = ray.put(question)
        asked = [shard.actor.answer.remote(sent) for shard in self._shards]
        answers = [self._answer(number, sent, reference) for number, reference in enumerate(asked)]
        if changes:
            self._changes.append(sent)
        return answers

    def _answer(self, number: int, question: Any, reference: Any) -> Any:  # noqa: ANN401 - as the actor's
        shard = self._shards[number]
        while True:
            try:
                return ray.get(reference)
            except (RayActorError, ObjectLostError) as error:
                shard.losses += 1
                if shard.losses > self._most_losses:
                    raise OutsideError(
                        f"shard {number} of {len(self._shards)} was lost {shard.losses} times; "
                        f"more than {self._most_losses} losses are not mended"
                    ) from error
            shard.start()
            for change in self._changes:
                shard.actor.answer.remote(change)
            reference = shard.actor.answer.remote(question)

    @property
    def losses(self) -> int:
        """How many actors were lost and made anew."""
        return sum(shard.losses for shard in self._shards)

    def close(self) -> None:
        """Ends all actors."""
        for shard in self._shards:
            ray.kill(shard.actor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ray_fleet(holding: Holding, *, shards: int, threads: int = 1) -> Fleet:
    """A fleet cut into ``shards`` actors."""
    return Fleet(
        RayShards(holding.cut(shards), threads=threads), event=holding.event_intervals, intervals=holding.intervals
    )
