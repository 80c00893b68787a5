"""Floor 4: one verb a file, independent of one another; no SQL, no settings, the clock is an argument."""
