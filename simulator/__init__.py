"""A district of simulated devices; it knows nothing of the controller that will steer them."""
