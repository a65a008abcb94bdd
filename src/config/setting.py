"""Declares a setting as a field with metadata, and the types that settings share."""

from functools import partial
from typing import Annotated, Any

from pydantic import Field

_MOST = 2**31 - 1  # what 32 bits hold

Count = Annotated[int, Field(ge=1, le=_MOST)]
Whole = Annotated[int, Field(ge=0, le=_MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=100_000)]
OptionalPath = str | None


def setting(
    default: object,
    description: str,
    *,
    saved_with_detector: bool = False,
    may_change_on_resume: bool = False,
    outside_graph: bool = False,
    instead_of: str | None = None,
    weight_of: str | None = None,
    pseudo_weight_of: str | None = None,
) -> Any:
    """A field of a group of settings; its annotation states its bounds.

    Args:
        description: meaning and unit: the comment in configs/base.yaml and the help text on the command line.
        saved_with_detector: it defines the detector, so it is restored from a checkpoint.
        may_change_on_resume: it does not affect the weights, so it may differ when a run is resumed.
        outside_graph: compiled networks do not depend on it, so the compile cache ignores it; every free setting is.
        instead_of: for a length in epochs, the key of the same length in steps; a user gives one of the two.
        weight_of, pseudo_weight_of: name of the loss term that it weights, on labelled images or on pseudo-labels.
    """
    stated = {
        "saved_with_detector": saved_with_detector,
        "may_change_on_resume": may_change_on_resume,
        "outside_graph": outside_graph or may_change_on_resume,
        "instead_of": instead_of,
        "weight_of": weight_of,
        "pseudo_weight_of": pseudo_weight_of,
    }
    return Field(default, description=description, json_schema_extra=stated)


detector_setting = partial(setting, saved_with_detector=True)
free_setting = partial(setting, may_change_on_resume=True)
