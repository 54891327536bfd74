"""What the tools and notebooks call."""
