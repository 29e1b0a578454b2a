"""Alembic revisions of both databases; applied on opening by ``vpp.infra.store.migrate``."""
