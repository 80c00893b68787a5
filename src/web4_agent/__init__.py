"""Web4 Agent: a local language model that learns its team's journal every night, and proves it."""

from importlib.metadata import version

__version__ = version("web4-agent")
