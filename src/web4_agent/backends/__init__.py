"""Floor 3: the seams to heavy parts. A folder holds `base.py` (the contract), implementations and a scripted fake."""
