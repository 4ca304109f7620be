"""It has no functions."""

ANSWER = 42
