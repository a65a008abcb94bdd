"""Proposals: the best decoded anchors of each level after NMS (Lin et al. 2017, FPN, section 4.1).

Axes: B images, A anchors of a level, P proposals.
"""

from dataclasses import dataclass

from mindspore import Tensor, ops

from src.FasterRcnn.rpn import STDS
from src.parts import box_coder, boxes
from src.parts.nms import keep_masks


@dataclass(frozen=True)
class ProposalConfig:
    """Anchors decoded per level, before NMS; proposals per image, after NMS; IoU threshold of the NMS per level."""

    candidates_per_level: int
    count: int
    nms_iou: float


def propose(
    logits: tuple[Tensor, ...],
    deltas: tuple[Tensor, ...],
    anchors: tuple[Tensor, ...],
    height: float | Tensor,
    width: float | Tensor,
    config: ProposalConfig,
) -> tuple[Tensor, Tensor]:
    """Proposals per image, best first.

    Args:
        logits, deltas: of `Rpn`, one tensor per level; anchors: one [A, 4] tensor per level.
        height, width: pixels that proposals are clipped to: numbers, or float32 [B, 1, 1] for each image.

    Returns:
        proposals [B, P, 4] float32 (x1, y1, x2, y2) and valid [B, P] bool; P = config.count, or all candidates if they are fewer.
        No gradient flows through them.
    """
    candidates, scores = (), ()
    for logit, delta, anchor in zip(logits, deltas, anchors):
        score, index = ops.topk(ops.stop_gradient(logit), min(config.candidates_per_level, logit.shape[1]))
        chosen = ops.gather_elements(
            ops.stop_gradient(delta), 1, ops.broadcast_to(index[..., None], index.shape + (4,))
        )
        decoded = box_coder.decode(chosen, ops.gather(anchor, index, 0), STDS)
        decoded = boxes.clip_to_image(decoded, height, width)
        kept = keep_masks(decoded, config.nms_iou)
        sides = ops.minimum(decoded[..., 2] - decoded[..., 0], decoded[..., 3] - decoded[..., 1])
        candidates = candidates + (decoded,)
        scores = scores + (ops.where(ops.logical_and(kept, sides > 1e-3), ops.sigmoid(score), -1.0),)
    candidates, scores = ops.concat(candidates, 1), ops.concat(scores, 1)
    score, index = ops.topk(scores, min(config.count, scores.shape[1]))
    return boxes.take_rows(candidates, index), score >= 0.0
