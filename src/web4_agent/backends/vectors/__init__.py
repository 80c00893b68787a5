"""Vector stores hold a projection of the ledger's chunks; they can be rebuilt at any time."""
