"""Sums of the logged values of training steps, on the device until the host reads them."""

from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype

STEP_KEYS = (
    "overflow",
    "scaling_sens",
    "lr",
)  # summed over all steps; other values are not summed for skipped steps
BAD_STEP, LONGEST_SKIP, SKIPPED_UNTIL, PEAK_LOSS = range(4)  # columns of `StepSums.marks`, see `Interval`


@dataclass(frozen=True)
class Interval:
    """Statistics of the steps since the last log line.

    Attributes:
        sums: over steps, by name; losses of skipped steps are left out.
        bad_terms: the values of the last skipped step, by name; bad_step: its number. Undefined if none was skipped.
        skipped_in_a_row: most steps skipped in a row, which may begin before the last log line; skipped_until: number of the last of them.
        peak_loss: greatest loss of a step on labelled images.
    """

    sums: dict[str, float]
    bad_terms: dict[str, float]
    bad_step: int
    skipped_in_a_row: int
    skipped_until: int
    peak_loss: float


class StepSums(nn.Cell):
    """The sums, as parameters; float32 counts steps exactly up to 16 million."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(auto_prefix=False)
        self.names = names
        self.of_every_step = Tensor(np.isin(names, STEP_KEYS))
        self.total = Parameter(Tensor(np.zeros(len(names), np.float32)), name="log_sums", requires_grad=False)
        self.bad = Parameter(Tensor(np.zeros(len(names), np.float32)), name="log_bad", requires_grad=False)
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
        longer = skipped.astype(mstype.float32) > self.marks[LONGEST_SKIP]
        peak = ops.maximum(self.marks[PEAK_LOSS], labelled_loss)
        is_new = ops.concat([value.reshape(1) for value in (ops.logical_not(finite), longer, longer, finite)])
        ops.assign(self.marks, ops.where(is_new, _row((step, skipped, step, peak)), self.marks))

    def take(self) -> Interval:
        """The statistics since the last call; they are set to 0."""
        total, bad, marks = self.values()
        self.put([[0.0] * len(row) for row in (total, bad, marks)])
        return Interval(
            dict(zip(self.names, total, strict=True)),
            dict(zip(self.names, bad, strict=True)),
            bad_step=int(marks[BAD_STEP]),
            skipped_in_a_row=int(marks[LONGEST_SKIP]),
            skipped_until=int(marks[SKIPPED_UNTIL]),
            peak_loss=marks[PEAK_LOSS],
        )

    def values(self) -> list[list[float]]:
        """A copy of the parameters, without setting them to 0."""
        return [values.asnumpy().tolist() for values in self._kept()]

    def put(self, values: list[list[float]]) -> None:
        """Restore the parameters from `values`."""
        for kept, row in zip(self._kept(), values, strict=True):
            # Not set_data: a graph with branches would keep the old buffer.
            ops.assign(kept, Tensor(np.asarray(row, np.float32)))

    def _kept(self) -> tuple[Parameter, ...]:
        return self.total, self.bad, self.marks


def _row(values: tuple[Tensor, ...]) -> Tensor:
    """Scalars as one vector, float32."""
    return ops.concat([value.astype(mstype.float32).reshape(1) for value in values])
