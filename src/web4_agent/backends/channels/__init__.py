"""The seam to what carries alerts to people: mail, chat programs, web hooks."""
