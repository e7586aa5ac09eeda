"""What ``voxgate say`` is made of: texts come in, a voice speaks them, outputs take the audio."""
