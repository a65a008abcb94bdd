"""Frames: an image always lies whole in the input, its boxes with it, at every size and place that was promised."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.augment.framing import Frame, draw_frame
from src.data.augment.transforms import resized_size

HEIGHT, WIDTH = 96, 160


def frames(expand_ratio: float, multi_scale: tuple[float, float], count: int = 400) -> list[Frame]:
    """Frames of one generator."""
    rng = np.random.default_rng(0)
    return [draw_frame(HEIGHT, WIDTH, expand_ratio, multi_scale, rng) for _ in range(count)]


def test_switched_off_it_is_the_input_and_draws_nothing():
    rng, untouched = np.random.default_rng(0), np.random.default_rng(0)
    assert draw_frame(HEIGHT, WIDTH, 0.0, (1.0, 1.0), rng) == Frame(HEIGHT, WIDTH)
    assert Frame(HEIGHT, WIDTH).corner(50, 60) == (0, 0)
    assert rng.random() == untouched.random()


@pytest.mark.parametrize(("expand_ratio", "multi_scale"), [(1.0, (1.0, 1.0)), (0.5, (0.3, 1.0)), (0.0, (0.01, 0.5))])
def test_an_image_of_the_frame_never_leaves_the_input(expand_ratio, multi_scale):
    for frame in frames(expand_ratio, multi_scale):
        for height, width in ((frame.height, frame.width), (frame.height, 1), (1, frame.width)):
            x, y = frame.corner(height, width)
            assert x >= 0 and y >= 0 and x + width <= WIDTH and y + height <= HEIGHT


def test_multi_scale_gives_all_sizes_between_its_two_and_stays_at_the_corner():
    shares = np.array([frame.height / HEIGHT for frame in frames(0.0, (0.25, 0.75))])
    assert shares.min() >= 0.25 - 1 / HEIGHT and shares.max() <= 0.75
    assert (np.histogram(shares, 5, (0.25, 0.75))[0] > 40).all()
    assert {frame.corner(20, 20) for frame in frames(0.0, (0.25, 0.75))} == {(0, 0)}


def test_expand_shrinks_its_share_of_the_images_up_to_four_times_and_puts_them_anywhere():
    drawn = frames(0.3, (1.0, 1.0), count=2000)
    small = [frame for frame in drawn if frame.canvas > 1]
    assert 500 < len(small) < 700
    assert min(frame.width for frame in small) >= WIDTH / 4 - 1 and max(frame.canvas for frame in small) <= 4
    corners = np.array([frame.corner(frame.height, frame.width) for frame in small])
    room = np.array([(WIDTH - frame.width, HEIGHT - frame.height) for frame in small])
    share = corners[room.min(1) > 20] / room[room.min(1) > 20]
    assert (np.histogram(share[:, 0], 4, (0, 1))[0] > 80).all() and (np.histogram(share[:, 1], 4, (0, 1))[0] > 80).all()
    assert {(frame.height, frame.width) for frame in drawn if frame.canvas == 1} == {(HEIGHT, WIDTH)}


@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.integers(0, 2**32),
    st.booleans(),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
@settings(max_examples=150)
def test_boxes_of_an_expanded_image_shrink_with_it_and_stay_inside(width, height, seed, keep_ratio, shares):
    """A box anywhere in an image of any size, given by shares of its sides."""
    (x1, x2), (y1, y2) = sorted(shares[:2]), sorted(shares[2:])
    frame = draw_frame(HEIGHT, WIDTH, 1.0, (1.0, 1.0), np.random.default_rng(seed))
    assert frame.canvas > 1
    large = resized_size((width, height), HEIGHT, WIDTH, keep_ratio)
    small = resized_size((width, height), frame.height, frame.width, keep_ratio)
    x, y = frame.corner(small[1], small[0])
    assert (
        0 <= x + x1 * small[0] <= x + x2 * small[0] <= WIDTH and 0 <= y + y1 * small[1] <= y + y2 * small[1] <= HEIGHT
    )
    for new, old in zip(small, large, strict=True):
        asked = max(
            old / frame.canvas, 1
        )  # a frame is of whole pixels, 24 at least, and so a little smaller than asked
        assert new <= old and 0.95 * asked - 1 <= new <= asked + 1, "a side shrinks as the canvas grew"
