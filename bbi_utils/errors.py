"""The one error that means: the input is wrong, and here is the way out."""


class BadInput(ValueError):
    """Names the thing, what was found, what was expected and the way out; commands exit 2 on it."""
