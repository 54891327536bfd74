"""Noticing values that are not finite in a training, saying which, and keeping the step that made them."""
