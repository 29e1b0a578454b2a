"""One file per revision of the access database, oldest first by name."""
