"""Pure rules of demand response: no I/O, no clock, no framework; standard library and numpy only."""
