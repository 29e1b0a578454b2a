"""The command line: parses, calls one thing, prints, and chooses the exit code."""
