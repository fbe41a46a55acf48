"""What a learner owns: their copy of the notebooks, and how far they have come. Nothing here writes a lesson's text."""
