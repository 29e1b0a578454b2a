"""One file per revision of the archive database, oldest first by name."""
