"""What is logged of training steps, summed on the device until the host asks for it."""

from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype

STEP_KEYS = ("overflow", "scaling_sens", "lr")  # told of every step, skipped or not


@dataclass(frozen=True)
class Interval:
    """What happened since the last log line.

    Attributes:
        sums: over steps, by name; losses of skipped steps are left out.
        bad_terms: the same values of the last skipped step alone, by name; bad_step: its number. Without meaning if none was.
        skipped_in_a_row: longest row of skipped steps, also those before the last line; skipped_until: number of its last one.
        peak_loss: greatest loss on labelled images of a step.
    """

    sums: dict[str, float]
    bad_terms: dict[str, float]
    bad_step: int
    skipped_in_a_row: int
    skipped_until: int
    peak_loss: float


class StepSums(nn.Cell):
    """What is logged, kept on the device; as float32, which counts steps exactly up to 16 million."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(auto_prefix=False)
        self.names = names
        self.of_every_step = Tensor(np.isin(names, STEP_KEYS))
        self.total = Parameter(Tensor(np.zeros(len(names), np.float32)), name="log_sums", requires_grad=False)
        self.bad = Parameter(Tensor(np.zeros(len(names), np.float32)), name="log_bad", requires_grad=False)
        # Number of the last skipped step, longest row of them, number of its last step, greatest loss.
        self.marks = Parameter(Tensor(np.zeros(4, np.float32)), name="log_marks", requires_grad=False)

    def construct(
        self, values: tuple[Tensor, ...], finite: Tensor, step: Tensor, skipped: Tensor, labelled_loss: Tensor
    ) -> None:
        """Add one step.

        Args:
            values: scalars in the order of the names; finite: whether the step was taken; step: its number;
            skipped: steps skipped in a row, this one included; labelled_loss: scalar.
        """
        row = _row(values)
        ops.assign_add(self.total, ops.where(ops.logical_or(finite, self.of_every_step), row, 0.0))
        ops.assign(self.bad, ops.where(finite, self.bad, row))
        longer = skipped.astype(mstype.float32) > self.marks[1]
        stepped = _row((step, skipped, step))
        changed = ops.concat((ops.logical_not(finite).reshape(1), longer.reshape(1), longer.reshape(1)))
        peak = ops.where(finite, ops.maximum(self.marks[3], labelled_loss), self.marks[3])
        ops.assign(self.marks, ops.concat((ops.where(changed, stepped, self.marks[:3]), peak.reshape(1))))

    def take(self) -> Interval:
        """What happened since the last call; starts again at 0."""
        total, bad, marks = self.values()
        self.put([[0.0] * len(row) for row in (total, bad, marks)])
        return Interval(
            dict(zip(self.names, total, strict=True)),
            dict(zip(self.names, bad, strict=True)),
            *map(int, marks[:3]),
            marks[3],
        )

    def values(self) -> list[list[float]]:
        """All that `take` would tell, as it is: a copy from the device to the host."""
        return [values.asnumpy().tolist() for values in self._kept()]

    def put(self, values: list[list[float]]) -> None:
        """Go on from what `values` gave."""
        for kept, row in zip(self._kept(), values, strict=True):
            # Not set_data: a graph with branches would go on with the memory of before.
            ops.assign(kept, Tensor(np.asarray(row, np.float32)))

    def _kept(self) -> tuple[Parameter, ...]:
        return self.total, self.bad, self.marks


def _row(values: tuple[Tensor, ...]) -> Tensor:
    """Scalars as one vector, float32."""
    return ops.concat([value.astype(mstype.float32).reshape(1) for value in values])
