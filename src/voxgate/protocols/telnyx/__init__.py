"""Telnyx-style text to speech."""
