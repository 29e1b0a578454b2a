"""What every gateway needs whatever its devices are: runtime, command gate, follower, disk buffer, driver interface."""
