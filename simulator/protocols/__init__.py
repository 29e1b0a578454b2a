"""Field protocols behind which the simulated devices stand, and the process that serves them."""
