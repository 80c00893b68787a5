"""Where spans go: base (the contract), untraced (nowhere, the default), otel (an OTLP collector), kept (a list)."""
