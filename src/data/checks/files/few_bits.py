"""16-bit pictures that use few of their bits: of a sample training keeps the upper eight, in which then little is to be seen."""

from collections.abc import Sequence
from pathlib import Path

from src.data.images import largest_deep_value
from src.errors import UserError

_EXAMINED = 20  # pictures, evenly spread
_USED = 2**14  # a picture whose samples stay below is at most a quarter as bright as it could be


def few_bits(paths: Sequence[Path]) -> list[str]:
    """A sentence where the 16-bit pictures among these files use few of their bits; broken files are passed over."""
    largest = []
    for path in paths[:: max(1, len(paths) // _EXAMINED)][:_EXAMINED]:
        try:
            largest.append(largest_deep_value(path))
        except UserError:
            continue
    deep = [value for value in largest if value is not None]
    if not deep or max(deep) >= _USED:
        return []
    sentence = (
        f"{len(deep)} of the {len(largest)} pictures examined have 16 bits per sample, of which they use {max(deep).bit_length()} "
        f"(the largest value is {max(deep)}): the upper 8 bits are kept, so they are nearly black; save them with 8 bits, "
        "scaled to 0 .. 255"
    )
    return [sentence]
