"""Price coordination: fleets of any size, solved by prices that each resource answers for itself."""
