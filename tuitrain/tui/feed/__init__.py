"""Feeds: threads that read a study and post the newest value of it.

Each is imported from its own module: who replays a log needs no socket.
"""

from tuitrain.tui.feed.feed import Feed, Peek, Post

__all__ = ["Feed", "Peek", "Post"]
