"""Small data sets that ship with the program."""
