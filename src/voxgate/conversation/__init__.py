"""The voice agent: hearing, whose turn it is, thinking, speaking."""
