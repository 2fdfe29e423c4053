"""Entry point of `python -m tuitrain`."""
