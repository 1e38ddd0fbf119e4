"""The tiers: which models grade without a language model. Imports nothing, so that a command's help needs no model."""

from __future__ import annotations

from typing import Literal, get_args

Tier = Literal["embedded", "accurate"]
TIERS: tuple[Tier, ...] = get_args(Tier)
