"""The command line: read arguments, hand over, turn errors into exit statuses."""

from tuitrain.cli.entry import main
from tuitrain.cli.parser import make_parser

__all__ = ["main", "make_parser"]
