"""What the doors over plain HTTP share, whatever they speak."""
