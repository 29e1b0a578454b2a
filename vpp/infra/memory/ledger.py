"""A ledger in the process's memory: the same encoding and the same chain of digests as the one on disk."""

from collections.abc import AsyncIterator, Sequence

from vpp.domain.facts import Fact
from vpp.infra.fact_codec import GENESIS_DIGEST, decode_fact, encode_fact, fact_kind, next_digest
from vpp.ports import StoredFact


class MemoryLedger:
    """Implements ``Ledger``; durable as long as the object lives, so that a restart can be played."""

    def __init__(self) -> None:
        """An empty ledger."""
        self._facts: list[tuple[str, bytes]] = []
        self._digest = GENESIS_DIGEST

    async def append(self, facts: Sequence[Fact]) -> int:
        """Position of the last fact of the ledger once ``facts`` are in it; all or nothing.

        Raises:
            InvariantError: a fact cannot be written canonically.
        """
        encoded = [(fact_kind(fact), encode_fact(fact)) for fact in facts]
        for kind, payload in encoded:
            self._digest = next_digest(self._digest, kind, payload)
        self._facts.extend(encoded)
        return len(self._facts)

    async def read(self, *, after: int = 0) -> AsyncIterator[StoredFact]:
        """All facts behind position ``after``, in order."""
        for position, (kind, payload) in enumerate(self._facts[after:], start=after + 1):
            yield StoredFact(position, decode_fact(kind, payload))

    async def log_hash(self) -> str:
        """The last digest of the chain, hex; 64 zeros for an empty ledger."""
        return self._digest.hex()
