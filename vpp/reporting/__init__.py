"""The report of one event as people see it: one HTML page made from the plain report dictionary."""
