"""Factories: lines that are called as a whole, processes that can be turned down."""
