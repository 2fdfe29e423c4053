"""Feeds: threads that read a study and post the newest value of it."""

from tuitrain.tui.feed.live import Connect, LiveFeed, Wire
from tuitrain.tui.feed.replay import ReplayFeed

__all__ = ["Connect", "LiveFeed", "ReplayFeed", "Wire"]
