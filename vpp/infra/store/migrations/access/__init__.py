"""Revisions of the access database."""
