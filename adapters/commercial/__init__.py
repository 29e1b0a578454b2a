"""Commercial buildings: cooling within a comfort band, and lighting."""
