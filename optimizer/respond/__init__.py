"""Best responses to prices: what each resource would do if every kW in every interval had a price.

Each kind is answered exactly, no grid and no tolerance, by machine code that lets go of Python's lock: the optimiser's
inner loop. ``responder`` puts them together over a fleet.
"""
