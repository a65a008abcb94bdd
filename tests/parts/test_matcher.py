"""Matching against a loop over anchors, and each of its rules by hand."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from src.parts.anchors import cell_anchors, grid_anchors
from src.parts.matcher import MatchThresholds, match
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
ANCHORS = np.concatenate([grid_anchors(n, n, 64 // n, cell_anchors(64 // n, (2.0,), (0.5, 1.0, 2.0))) for n in (8, 4)])


def run(anchors, rows, positive=0.7, negative=0.3, low_quality=0.3, allowed=None):
    """Match a batch of images, each a list of (box, "object" | "crowd" | "padding"); NumPy in and out."""
    boxes = np.array([[box for box, _ in image] for image in rows], np.float32)
    valid = np.array([[what == "object" for _, what in image] for image in rows])
    crowd = np.array([[what == "crowd" for _, what in image] for image in rows])
    inputs = [Tensor(value) for value in (anchors, boxes, valid, crowd)]
    allowed = None if allowed is None else Tensor(allowed)
    found = match(*inputs, MatchThresholds(positive, negative, low_quality), allowed)
    return found[0].asnumpy(), found[1].asnumpy()


@pytest.mark.parametrize("low_quality", [0.3, 0.7])
@pytest.mark.parametrize("some", [False, True], ids=["all", "some"])
@pytest.mark.parametrize("shared", [True, False])
def test_random_images_against_a_loop(shared, some, low_quality):
    rng = np.random.default_rng(4)
    rows = []
    for kind in oracles.KINDS:
        kinds = rng.choice(["object", "crowd", "padding"], 6, p=[0.6, 0.2, 0.2])
        if kind == "none":
            kinds[:] = "padding"
        rows.append(list(zip(oracles.random_boxes(rng, 6, kind), kinds)))
    anchors = ANCHORS if shared else np.stack([rng.permutation(ANCHORS) for _ in rows])
    allowed = rng.random(anchors.shape[:-1]) < 0.6 if some else None
    matched, state = run(anchors, rows, low_quality=low_quality, allowed=allowed)
    for image, content in enumerate(rows):
        row_numbers = [number for number, (_, what) in enumerate(content) if what == "object"]
        boxes = np.array([content[number][0] for number in row_numbers]).reshape(-1, 4)
        crowds = np.array([box for box, what in content if what == "crowd"]).reshape(-1, 4)
        its_anchors = anchors if shared else anchors[image]
        kept = np.ones(len(its_anchors), bool) if allowed is None else allowed if shared else allowed[image]
        rows_of, wanted = oracles.match(its_anchors[kept], boxes, crowds, 0.7, 0.3, low_quality)
        np.testing.assert_array_equal(state[image][kept], wanted)
        assert (state[image][~kept] == -1).all()
        for number, row in zip(np.flatnonzero(kept), rows_of, strict=True):
            if state[image, number] == 1:
                assert {matched[image, number]} == {row_numbers[k] for k in row}
    assert set(state[-1][kept]) == {0}


def test_the_three_match_labels_by_hand():
    anchors = np.array([[0, 0, 10, 10], [0, 0, 10, 20], [30, 30, 40, 40]], np.float32)
    matched, state = run(anchors, [[((50, 50, 60, 60), "padding"), ((0, 0, 10, 10), "object")]])
    assert state.tolist() == [[1, -1, 0]] and matched[0, 0] == 1


def test_a_crowd_is_neither_background_nor_an_object():
    anchors = np.array([[10, 10, 20, 20], [15, 40, 35, 50], [50, 50, 60, 60]], np.float32)
    _, state = run(anchors, [[((0, 0, 30, 60), "crowd")]])
    assert state.tolist() == [[-1, -1, 0]]
    _, state = run(anchors, [[((0, 0, 30, 60), "crowd"), ((10, 10, 20, 20), "object")]])
    assert state.tolist() == [[1, -1, 0]]


def test_a_low_quality_match_is_positive_from_its_threshold_on():
    anchors = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [40, 40, 50, 50]], np.float32)
    thirds = [((0, 0, 10, 25), "object")]  # IoU 0.4 and 0.32
    assert run(anchors, [thirds], low_quality=0.3)[1].tolist() == [[1, -1, 0]]
    assert run(anchors, [thirds], low_quality=0.5)[1].tolist() == [[-1, -1, 0]]


def test_padding_claims_no_anchor_even_with_a_threshold_of_zero():
    rows = [((0, 0, 0, 0), "padding"), ((12, 12, 20, 20), "padding")]
    assert (run(ANCHORS, [rows], low_quality=0.0)[1] == 0).all()


def test_the_best_box_is_the_best_of_those_allowed_and_of_equal_ones_the_first():
    inside_three = [((4, 4, 6, 6), "object")]
    anchors = np.array([[0, 0, 8, 8], [2, 2, 10, 10], [3, 0, 11, 8], [0, 0, 30, 30]], np.float32)
    for allowed, wanted in (
        ((1, 1, 1, 1), [1, 0, 0, 0]),
        ((0, 1, 1, 1), [-1, 1, 0, 0]),
        ((0, 0, 0, 1), [-1, -1, -1, 1]),
    ):
        _, state = run(anchors, [inside_three], low_quality=0.0, allowed=np.array(allowed, bool))
        assert state.tolist() == [wanted]


def test_an_object_that_overlaps_no_allowed_box_claims_none():
    anchors = np.array([[0, 0, 8, 8], [40, 40, 50, 50]], np.float32)
    rows = [((0, 0, 8, 8), "object"), ((0, 0, 0, 0), "padding")]
    assert run(anchors, [rows], low_quality=0.0, allowed=np.array([False, True]))[1].tolist() == [[-1, 0]]


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE], ids=["pynative", "graph"])
def test_a_box_that_is_the_best_of_several_objects_goes_to_the_one_it_overlaps_most(mode):
    anchors = np.array([[0, 0, 10, 10], [40, 40, 50, 50]], np.float32)
    halves = [(0, 0, 10, 4), (0, 0, 10, 5), (0, 0, 10, 5), (0, 0, 10, 3)]
    boxes = Tensor(np.array([halves, halves[::-1]], np.float32))
    valid = np.ones((2, 4), bool)
    valid[1, 1] = False
    ms.set_context(mode=mode)
    inputs = (Tensor(anchors), boxes, Tensor(valid), Tensor(~valid))
    matched, state = (part.asnumpy() for part in _Match()(*inputs))
    assert matched[:, 0].tolist() == [1, 2] and state.tolist() == [[1, 0], [1, 0]]


class _Match(nn.Cell):
    """`match` as a graph of its own."""

    def __init__(self):
        super().__init__()
        self.thresholds = MatchThresholds(0.7, 0.3, 0.2)

    def construct(self, *inputs):
        return match(*inputs, self.thresholds)
