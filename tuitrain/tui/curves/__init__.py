"""Curves: nice axes, plotext's frame around them, and a raster of our own inside."""
