"""What torch does, and what its room makes of it; the rules themselves are in test_facts."""

import functools
import itertools

import numpy as np
import parametrize_from_file
import pytest
import torch
import torch.nn.functional as F
from parametrize_from_file import Namespace, cast

from verification.questions import Case, arrays, parse
from verification.truth import oracle


def usual(function, /, *usual, **words):
    """A function of torch with some arguments that are not the usual ones."""
