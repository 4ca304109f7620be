"""It never gets to its functions."""

while True:
    pass
