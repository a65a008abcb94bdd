"""All settings of a run: all groups as one flat dataclass, and the metadata of its fields."""

from dataclasses import asdict, fields

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from src.config.data_settings import DataSettings
from src.config.network_settings import NetworkSettings
from src.config.run_settings import DeviceSettings, EvaluationSettings, ExportSettings, OutputSettings
from src.config.setting import OptionalPath
from src.config.training_settings import TeacherSettings, TrainingSettings

SYSTEMS_WITH_MASKS = ("mask_rcnn",)  # their annotations need segmentations, and masks are their sixth output

GROUPS = {
    "device": DeviceSettings,
    "data": DataSettings,
    "network": NetworkSettings,
    "training": TrainingSettings,
    "teacher and pseudo-labels": TeacherSettings,
    "outputs of training": OutputSettings,
    "evaluation and inference": EvaluationSettings,
    "exported models": ExportSettings,
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid", validate_default=True))
class Config(
    ExportSettings,
    EvaluationSettings,
    OutputSettings,
    TeacherSettings,
    TrainingSettings,
    NetworkSettings,
    DataSettings,
    DeviceSettings,
):
    """All settings of a run, in the order of GROUPS (a dataclass takes the fields of its last base first)."""

    @property
    def has_masks(self) -> bool:
        """Whether the detector predicts masks as well as boxes."""
        return self.system in SYSTEMS_WITH_MASKS

    def as_dict(self) -> dict:
        """The settings as values of YAML and JSON: tuples become lists."""
        return {key: plain(value) for key, value in asdict(self).items()}


def plain(value: object) -> object:
    """A value with lists in place of tuples, at any depth."""
    return [plain(item) for item in value] if isinstance(value, tuple) else value


FIELDS: dict[str, FieldInfo] = Config.__pydantic_fields__


def _stated(name: str) -> dict:
    """Key -> metadata `name` of its field, for the keys that have it; see `setting`."""
    return {key: value for key, field in FIELDS.items() if (value := field.json_schema_extra[name])}


KEYS = tuple(FIELDS)
TEXT_KEYS = tuple(field.name for field in fields(Config) if field.type in (str, OptionalPath))
DETECTOR_KEYS = tuple(_stated("saved_with_detector"))
FREE_KEYS = frozenset(_stated("may_change_on_resume"))
# Settings that a compiled training step depends on, and those that a compiled detector depends on.
STEP_GRAPH_KEYS = tuple(key for key in KEYS if key not in _stated("outside_graph"))
DETECTOR_GRAPH_KEYS = tuple(
    key for key in STEP_GRAPH_KEYS if key in {*DETECTOR_KEYS, "device_target", "mixed_precision"}
)
IN_EPOCHS = {steps: epochs for epochs, steps in _stated("instead_of").items()}
# Loss term -> key of its weight.
WEIGHT_KEYS = {term: key for key, term in _stated("weight_of").items()}
PSEUDO_WEIGHT_KEYS = {term: key for key, term in _stated("pseudo_weight_of").items()}
