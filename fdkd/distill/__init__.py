"""Distillation between a student and a teacher that see different modalities: taps, decouplers, losses, connectors."""
