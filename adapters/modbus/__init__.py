"""Modbus TCP: real devices by a register map in YAML alone, simulated ones by the maps that come with the project."""
