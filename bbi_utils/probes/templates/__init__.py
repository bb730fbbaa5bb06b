"""The words and templates of the probe suite, and what draws prompts from them."""
