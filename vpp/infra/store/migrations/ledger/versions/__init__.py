"""One file per revision of the ledger database, oldest first by name."""
