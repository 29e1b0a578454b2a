"""Revisions of the archive database."""
