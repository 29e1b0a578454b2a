"""Commands on their way out: on disk first, then sent; what is in force is said again after a lost link."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from vpp.domain.book import EventRecord, IssuedCommand
from vpp.domain.commanding import Issue, commands_for, release_commands
from vpp.domain.commands import AckState, Command
from vpp.domain.control import ControlSettings, stagger_s
from vpp.domain.facts import CommandsIssued, PlanIssued
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid, floor_interval
from vpp.ports import Clock, Gateways, Metrics
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

DONE = frozenset({AckState.REFUSED, AckState.EXPIRED})
OUT_OF_REACH = frozenset({"unavailable", "gateway-offline", "no-offer"})
"""Reasons that mean: nothing is heard of it now. Its gateway carries the schedule on, and may be back in a minute."""


class Dispatching:
    """Turns plans into commands."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        gateways: Gateways,
        *,
        clock: Clock,
        metrics: Metrics,
        settings: ControlSettings,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._gateways = gateways
        self._clock = clock
        self._metrics = metrics
        self._settings = settings

    async def issue(self, event_id: str, plan: PlanIssued) -> int:
        """Issues what the plan changes against what is in force; returns how many commands that were.

        Doing it again for the same plan issues nothing, so that a restart between plan and commands is harmless.
        Resources out of reach keep what they were told: others fill the gap, nobody is released for a lost link.
        """
        record = self._recorder.book.event(event_id)
        count = len(TimeGrid.between(plan.first_interval, record.declaration.end))
        response = {r: np.asarray(values)[:count] for r, values in plan.response_kw.items()}
        reached = [r for r in record.commands if r in response or plan.reasons.get(r) not in OUT_OF_REACH]
        forecast = {r: self._forecast(record, r, plan, count) for r in dict.fromkeys([*reached, *response])}
        commands = commands_for(
            record, self._registry.fleet, self._issue(record, plan), response_kw=response, forecast_kw=forecast
        )
        await self._send_new(event_id, commands)
        return len(commands)

    async def release(self, event_id: str) -> None:
        """Frees every called resource now, by its stagger (an event cancelled while active)."""
        record = self._recorder.book.event(event_id)
        now = self._clock.now()
        book = self._recorder.book
        revision = record.plans[-1].revision + 1 if record.plans else 1
        issue = Issue(revision, book.epoch, book.sequence + 1, floor_interval(now), now, self._stagger(record))
        await self._send_new(event_id, release_commands(record, issue))

    async def resend_in_force(self) -> int:
        """Says again what every resource should be doing; gateways that know it already only acknowledge it again."""
        now = self._clock.now()
        again: dict[str, list[Command]] = {}
        for record in self._recorder.book.events.values():
            for history in record.commands.values() if record.live else ():
                newest = history[-1]
                if newest.command.expires_at > now and newest.state not in DONE:
                    again.setdefault(newest.gateway_id, []).append(newest.command)
        await self._send(again)
        return sum(len(commands) for commands in again.values())

    async def resend_unanswered(self, record: EventRecord, older_than: timedelta) -> None:
        """Sends commands again that no gateway has answered for so long."""
        now = self._clock.now()
        again: dict[str, list[Command]] = {}
        for history in record.commands.values():
            newest: IssuedCommand = history[-1]
            silent = newest.state is None and now - newest.issued_at >= older_than
            if silent and newest.command.expires_at > now:
                again.setdefault(newest.gateway_id, []).append(newest.command)
        self._metrics.count("commands_resent", sum(len(commands) for commands in again.values()))
        await self._send(again)

    async def _send_new(self, event_id: str, commands: Sequence[Command]) -> None:
        by_gateway: dict[str, list[Command]] = {}
        for command in commands:
            gateway_id = self._registry.fleet.resource(command.resource_id).gateway_id
            by_gateway.setdefault(gateway_id, []).append(command)
        now = self._clock.now()
        await self._recorder.record(
            *(
                CommandsIssued(at=now, event_id=event_id, gateway_id=gateway_id, commands=tuple(batch))
                for gateway_id, batch in by_gateway.items()
            )
        )
        await self._send(by_gateway)
        self._metrics.count("commands_issued", len(commands))

    async def _send(self, by_gateway: Mapping[str, Sequence[Command]]) -> None:
        """One message per gateway, all at once: the slowest broker answer is waited for, not their sum."""
        async with asyncio.TaskGroup() as group:
            for gateway_id, batch in by_gateway.items():
                group.create_task(self._gateways.send_commands(gateway_id, batch), name=f"commands/{gateway_id}")

    def _issue(self, record: EventRecord, plan: PlanIssued) -> Issue:
        book = self._recorder.book
        staged = plan.first_interval - timedelta(seconds=self._settings.stage_lead_s)
        starts = plan.first_interval == record.declaration.start
        valid_from = staged if starts else plan.first_interval
        return Issue(
            plan.revision, book.epoch, book.sequence + 1, plan.first_interval, valid_from, self._stagger(record)
        )

    def _stagger(self, record: EventRecord) -> dict[str, float]:
        """Release delays over all that may be called, so that a resource keeps its place in every revision."""
        called = record.commitment.resource_ids if record.commitment else ()
        by_node = sorted(called, key=lambda r: (hash_order(r), r))
        return stagger_s(tuple(by_node), self._settings.release_spread_s)

    def _forecast(self, record: EventRecord, resource_id: str, plan: PlanIssued, count: int) -> Series:
        """What the planned response is taken from: the frozen baseline, or the forecast that the plan states."""
        if resource_id in plan.forecast_kw:
            return np.asarray(plan.forecast_kw[resource_id])[:count]
        first = record.grid.index_of(plan.first_interval)
        return record.baseline_kw(resource_id)[first : first + count]


def hash_order(text: str) -> int:
    """A fixed mixing of ids, so that neighbours in the register are not released one after the other."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value
