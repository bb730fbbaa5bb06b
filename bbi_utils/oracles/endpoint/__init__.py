"""Endpoints that speak the OpenAI chat protocol: asking, paying, and what goes wrong."""
