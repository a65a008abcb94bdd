"""Where boxes lie in their images: one rule for boxes of every form."""

from collections.abc import Sequence

Corners = Sequence[float]  # x1, y1, x2, y2 in pixels of the image
Size = tuple[int, int]  # width and height in pixels

# Some tools count pixels from 0 and some from 1, so a correct box may exceed its image by one pixel plus rounding.
# A box that exceeds it by more was drawn on another image, or on this image in another size.
OUTSIDE_TOLERANCE = 1.5  # pixels
_FEW = 10  # up to this many boxes outside are named one by one


def outside_fault(box: Corners, size: Size) -> str | None:
    """What is wrong with the place of a box, if anything: it exceeds its image, or does not touch it."""
    x1, y1, x2, y2 = box
    width, height = size
    nearest = min(x1, y1, width - x2, height - y2)  # distance to the nearest border, positive inside
    if nearest >= 0:  # nearly all
        return None
    if nearest >= -OUTSIDE_TOLERANCE and x1 < width and y1 < height and x2 > 0 and y2 > 0:
        return None
    return (
        f"lies outside its image of {width} x {height} pixels; was it drawn on another image, or on this one in another "
        "size? Draw it anew"
    )


def all_outside(boxes: Sequence[Corners], sizes: Sequence[Size], shares: bool = False) -> str | None:
    """One sentence in place of one per box where most of many boxes exceed their images.

    Args:
        boxes: every box of a data set; sizes: of the image of each. shares: the file has shares of width and height.
    """
    outside = [pair for pair in zip(boxes, sizes, strict=True) if outside_fault(*pair)]
    if len(outside) <= max(_FEW, len(boxes) / 2):
        return None
    reach = max(max(x2 / width, y2 / height) for (_, _, x2, y2), (width, height) in outside)
    sentence = f"{len(outside)} of the {len(boxes)} boxes lie outside their images, and reach up to {reach:.3g} times their width or height: "
    if shares:
        return (
            f"{sentence}shares are at most 1, so pixels were divided by the size of smaller pictures than they were drawn on; divide them "
            "by the width and height of those, or multiply the shares by the factor between the two"
        )
    return (
        f"{sentence}they were drawn on pictures of another size; multiply them by the same factor as the pictures, or give the "
        "folder of the pictures that they were drawn on"
    )


def all_fractions(boxes: Sequence[Sequence[float]], names: str, meaning: str = "x, y") -> str | None:
    """One sentence where all boxes are fractions of their images instead of pixels.

    Args:
        boxes: every box of a data set, as the file has it. names: what the file calls its boxes. meaning: which numbers are
            horizontal and which are vertical.
    """
    numbers = [number for box in boxes for number in box]
    if not numbers or min(numbers) < 0 or max(numbers) > 1 or not any(number % 1 for number in numbers):
        return None
    across, down = meaning.split(", ")
    return (
        f"all {len(boxes)} boxes lie within one pixel, like fractions of an image; {names} is in pixels: multiply {across} by the "
        f"width of the image, {down} by its height"
    )
