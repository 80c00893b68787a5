"""Watching a new adapter: flaws of single answers, their counts, the evidence against it, and the replay before it.

Called by the gateway (flaws), by the night (replay) and by probation (counts, evidence). Pure: no clock, no file.
"""
