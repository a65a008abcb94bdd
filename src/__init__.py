"""Semi-supervised and active-learning object detection on MindSpore."""

__version__ = "0.2.0"
