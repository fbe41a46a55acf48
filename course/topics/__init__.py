"""What one lesson alone uses; each docstring names the lesson. What two lessons use moves out of here."""
