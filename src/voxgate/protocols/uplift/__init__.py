"""Uplift-style text to speech: many requests on one connection."""
