"""Wires a whole district together: simulated devices behind real gateways, the real controller, virtual or scaled time.

The only place of the simulator that knows the controller and the adapters.
"""
