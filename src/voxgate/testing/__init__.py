"""Scripted and broken providers, virtual time: shipped, so that users can test too."""
