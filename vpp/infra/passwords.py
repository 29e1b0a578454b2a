"""Argon2id hashes of passwords (RFC 9106, second recommended parameters as argon2-cffi has them)."""

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError


class Argon2Hasher:
    """Implements ``vpp.ports.PasswordHasher``."""

    def __init__(self, *, time_cost: int | None = None, memory_cost_kib: int | None = None) -> None:
        """The library's recommended cost (3 passes over 64 MiB) unless told otherwise.

        Args:
            time_cost: Passes, >= 1.
            memory_cost_kib: KiB of memory per hash, >= 8 per lane.
        """
        standard = PasswordHasher()
        self._hasher = PasswordHasher(
            time_cost=time_cost or standard.time_cost,
            memory_cost=memory_cost_kib or standard.memory_cost,
            parallelism=standard.parallelism,
        )

    def hash(self, password: str) -> str:
        """A new hash, its algorithm, cost and salt inside."""
        return self._hasher.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        """Whether the hash is one of that password; ``False`` for a hash that is none."""
        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than a new one would be."""
        return self._hasher.check_needs_rehash(password_hash)
