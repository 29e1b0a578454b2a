"""Fakes that ship with the code: broker, ledger, archive and metrics in one process, no I/O."""
