"""The virtual power plant's controller: decides, remembers and accounts for demand response."""
