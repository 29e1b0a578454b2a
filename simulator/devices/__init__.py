"""One-minute physics of the devices, one kind per module."""
