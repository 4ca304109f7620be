"""Judges of the judge: how strong it is, and how fast and exact npcnn is beside torch.

python -m verification.measures strength|speed|accuracy|lockstep [--help]
"""
