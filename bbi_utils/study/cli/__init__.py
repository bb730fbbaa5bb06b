"""The commands, each a few lines over what the notebooks call."""
