"""The paper's tables and figures run again: which runs they need, what they yield, and the filled tables."""
