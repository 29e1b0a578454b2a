"""Connections to higher-level platforms."""
