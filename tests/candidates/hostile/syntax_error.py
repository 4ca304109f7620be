"""It is no Python."""

return 1  # noqa: F706
