"""Floor 1: values and errors. Frozen dataclasses over the standard library; imports nothing else of the project."""
