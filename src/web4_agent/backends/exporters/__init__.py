"""Exporters turn models and adapters into the files an engine serves."""
