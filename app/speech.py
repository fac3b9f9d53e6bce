"""Speech from text: the voices there are, and what they say."""
