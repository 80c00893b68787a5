"""Floor 2: the database, its migrations, atomic publishing, artefact hashing and locks."""
