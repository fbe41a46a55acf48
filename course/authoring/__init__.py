"""From lessons/ to notebooks/: what authors and CI need. No lesson and no run of one imports anything from here."""
