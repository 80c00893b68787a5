"""Processes killed with SIGKILL at every commit point and between, and what must hold when they run again."""
