"""The command `course`: what a person types and sees. Parses, calls and prints; no work of its own is done here."""
