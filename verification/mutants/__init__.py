"""Wrong implementations on purpose: how many of them a check rejects."""
