"""Bounded behavioral indistinguishability for black-box LLM distillation; importing it is instant."""

__version__ = "0.1.0"
