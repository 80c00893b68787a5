"""The HTTP edge: what clients speak, and nothing of how an answer comes about. Started by `web4-agent serve`."""
