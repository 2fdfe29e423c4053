"""The rules, one a file: each looks at one trial and says what it saw, or nothing."""
