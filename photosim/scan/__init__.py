"""Finding out what has changed on disk, and reading it."""
