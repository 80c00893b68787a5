"""Floor 3: the seams to heavy parts. Each folder holds `base.py` (the contract), its implementations and a scripted fake."""
