"""Charging: public stations, and residential clusters by opt-in."""
