"""One notebook, or many, run and recorded. Lessons come from the catalog; nothing here writes their text."""
