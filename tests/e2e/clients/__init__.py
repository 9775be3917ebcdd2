"""Clients of LLM APIs, used as their documentation says, through modelgate."""
