"""``vpp bench dispatch``: the optimiser's published figures and its peers', measured in one run."""
