"""Screens: the study, one trial, its log, the grid, help, home, and questions."""
