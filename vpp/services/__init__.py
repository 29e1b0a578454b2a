"""Services: each fetches through ports, calls one pure function of the domain, and records the result."""
