"""Formulas of the initial loss, one file a family of loss functions."""
