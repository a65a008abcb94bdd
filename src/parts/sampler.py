"""Sampling of positives and negatives for training, random and of fixed size (Ren et al. 2015, section 3.1.2).

The random numbers are a function of the step alone, so a resumed run draws the same samples as an uninterrupted one, and graph mode the same
as PyNative mode; the sample of an image does not depend on its batch.
"""

from dataclasses import dataclass

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts.matcher import NEGATIVE, POSITIVE, MatchThresholds

# m of each step; the sequence repeats after 65,536 steps.
MULTIPLIERS = Tensor(np.random.default_rng(0).uniform(64.0, 4064.0, 65_536).astype(np.float32))


@dataclass(frozen=True)
class SamplingConfig:
    """IoU thresholds of the matcher, sampled boxes per image, and the maximum number of positives among them."""

    thresholds: MatchThresholds
    size: int
    max_positive: int


def priority_table(count: int) -> Tensor:
    """Fixed random numbers in [0.1, 1), float32 [count], the source of every step's priorities.

    Not below 0.1, because a number near 0 would give its row nearly the same priority at every step.
    """
    return Tensor(np.random.default_rng(count).uniform(0.1, 1.0, count).astype(np.float32))


def priorities(table: Tensor, step: Tensor) -> Tensor:
    """Pseudo-random numbers in [0, 1) of one step: the fractional part of table * m(step), with m of MULTIPLIERS.

    An m that grows regularly, such as by the golden ratio, would keep the priority of some rows nearly constant for hundreds of steps.

    Args:
        table: [A] float32 of `priority_table`; step: scalar int32.
    """
    scaled = table * MULTIPLIERS[ops.floor_mod(step, len(MULTIPLIERS))]
    return scaled - ops.floor(scaled)


def sample(match_labels: Tensor, priority: Tensor, config: SamplingConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Sample up to `config.max_positive` positives at random, and random negatives up to `config.size` rows per image.

    Args:
        match_labels: [B, A] int32 of `matcher.match`; priority: [A] float32 in [0, 1).

    Returns:
        index [B, S] int32 into A, is_positive [B, S] bool, is_valid [B, S] bool, with S = min(config.size, A); rows that
        are not valid are padding.
    """
    total = min(config.size, match_labels.shape[1])
    positive_BP, index_BP = ops.topk(
        ops.where(match_labels == POSITIVE, priority, -1.0), min(config.max_positive, total)
    )
    negative_BN, index_BN = ops.topk(ops.where(match_labels == NEGATIVE, priority, -1.0), total)
    rank = ops.concat((ops.where(positive_BP >= 0, positive_BP + 2.0, -1.0), negative_BN), 1)
    rank_BS, chosen_BS = ops.topk(rank, total)
    index_BS = ops.gather_elements(ops.concat((index_BP, index_BN), 1), 1, chosen_BS)
    return index_BS.astype(mstype.int32), rank_BS >= 2.0, rank_BS >= 0.0
