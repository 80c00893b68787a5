"""The dashboard: four pages over the ledger, and the few things a person does on them. Mounted under /dashboard."""
