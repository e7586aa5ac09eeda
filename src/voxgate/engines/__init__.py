"""Local engines behind pipes, each in worker processes of its own."""
