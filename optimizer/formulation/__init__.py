"""The optimisation model, one physical idea per module, in Pyomo."""
