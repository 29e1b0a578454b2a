"""Ledger and meter archive in SQL databases, and the epoch file."""
