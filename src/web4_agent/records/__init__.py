"""Floor 3: one file per table; the only SQL above storage."""
