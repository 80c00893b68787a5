"""Reading a journal: find, parse, resolve links, chunk, score, screen."""
