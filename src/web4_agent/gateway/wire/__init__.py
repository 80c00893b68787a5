"""What stands on the wire: the shapes of OpenAI's and Ollama's protocols. The only place that knows them."""
