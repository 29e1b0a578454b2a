"""Notices waiting to be sent: one per gateway, newest figures winning, so that confirming never holds up receiving."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

AT_ONCE = 16


@dataclass(slots=True)
class PendingNotice:
    """What a gateway is to be told; a later word of the same kind replaces an earlier one."""

    through_seq: int | None = None
    ack_through_seq: int | None = None
    resend_from: int | None = None
    ack_resend_from: int | None = None

    def merge(self, newer: "PendingNotice") -> None:
        """Takes over what ``newer`` says."""
        for name in ("through_seq", "ack_through_seq", "resend_from", "ack_resend_from"):
            value = getattr(newer, name)
            if value is not None:
                setattr(self, name, value)


class NoticeBox:
    """Collects notices and sends them, several gateways at once."""

    def __init__(self, send: Callable[[str, PendingNotice], Coroutine[None, None, None]]) -> None:
        """``send`` publishes one notice; it says itself when it could not."""
        self._send = send
        self._pending: dict[str, PendingNotice] = {}
        self._wake = asyncio.Event()

    def put(self, gateway_id: str, notice: PendingNotice) -> None:
        """Adds to what the gateway is to be told."""
        waiting = self._pending.setdefault(gateway_id, PendingNotice())
        waiting.merge(notice)
        self._wake.set()

    async def run(self) -> None:
        """Sends what is put in, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._pending = list(self._pending.items()), {}
            for first in range(0, len(batch), AT_ONCE):
                async with asyncio.TaskGroup() as group:
                    for gateway_id, notice in batch[first : first + AT_ONCE]:
                        group.create_task(self._send(gateway_id, notice), name=f"notice/{gateway_id}")
