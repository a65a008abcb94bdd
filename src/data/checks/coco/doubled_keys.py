"""Keys that a COCO file states twice in one row: JSON readers take the last one in silence."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from src.wording import counted

_ROW_KEYS, _IMAGE_KEYS = ("bbox", "category_id", "image_id"), ("file_name",)


def doubled_keys(data: bytes, coco: Mapping[str, Any]) -> list[str]:
    """A sentence for each key that decides what a row means and stands twice in some.

    The text is searched for keys first, which takes a hundredth of reading it; only where there are more than rows is it read again.

    Args:
        data: the file; coco: what it holds.
    """
    rows, images = (len(part) if isinstance(part := coco.get(name), list) else 0 for name in ("annotations", "images"))
    most = dict.fromkeys(_ROW_KEYS, rows) | dict.fromkeys(_IMAGE_KEYS, images)
    if all(data.count(f'"{key}"'.encode()) <= count for key, count in most.items()):
        return []
    doubled: Counter[str] = Counter()

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            keys = Counter(key for key, _ in pairs)
            doubled.update(key for key in most if keys[key] > 1)
        return row

    json.loads(data, object_pairs_hook=look)
    return [f'{counted(count, "object")} with "{key}" twice; keep the right one' for key, count in doubled.items()]
