"""Fleets cut into shards: each holds its own resources and answers prices with sums, wherever it runs."""
