"""What a browser sees of an image inside a page."""

import base64
import io

import numpy as np
from PIL import Image

from src.report.pages import InlineImage


def pixels(image: InlineImage) -> np.ndarray:
    """Decode the data URI: int [H, W, 3] RGB."""
    data = base64.b64decode(image.data.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
