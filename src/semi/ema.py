"""Exponential moving average (EMA): the teacher follows the student (Tarvainen and Valpola 2017, Mean Teacher, eq. 2)."""

from dataclasses import dataclass

from mindspore import Parameter, ParameterTuple, Tensor, nn, ops
from mindspore import dtype as mstype


@dataclass(frozen=True)
class EmaConfig:
    """The decay of an exponential moving average.

    Attributes:
        decay: EMA decay after the ramp-up; the average covers about 1 / (1 - decay) steps.
        ramp: the decay is t / (t + 1) at step t, up to `decay`, so that early on the teacher is the mean of all students so far.
            Without it only the first step differs: it copies the student.
    """

    decay: float
    ramp: bool


class MovingAverage(nn.Cell):
    """teacher := decay * teacher + (1 - decay) * student, inside the graph; teacher and student have one architecture."""

    def __init__(self, teacher: nn.Cell, student: nn.Cell, config: EmaConfig) -> None:
        super().__init__(auto_prefix=False)
        pairs = [
            (old, new)
            for old, new in zip(teacher.get_parameters(), student.get_parameters(), strict=True)
            if new.requires_grad or _is_moving_statistic(new)
        ]
        # Not plain tuples: a graph from the compile cache finds parameters of the cell only, and would average a copy of others.
        self.teacher_parameters = ParameterTuple(pair[0] for pair in pairs)
        self.student_parameters = ParameterTuple(pair[1] for pair in pairs)
        self.config = config
        self.each = ops.HyperMap()  # a loop in a graph is a recursion of at most 1000 calls, and compiles more slowly

    def decay(self, age: Tensor) -> Tensor:
        """The decay at the `age`-th step of the average, counted from 0: scalar float32."""
        age = age.astype(mstype.float32)
        ramped = age / (age + 1.0) if self.config.ramp else ops.minimum(age, Tensor(1.0, mstype.float32))
        return ops.minimum(ramped, Tensor(self.config.decay, mstype.float32))

    def construct(self, age: Tensor, student_moved: Tensor) -> Tensor:
        """Update the teacher once.

        Args:
            age: scalar int32, see `decay`; student_moved: scalar bool, whether the student was updated; if not, the teacher is not either.

        Returns:
            The decay of this step.
        """
        decay = ops.where(student_moved, self.decay(age), Tensor(1.0, mstype.float32))
        self.each(ops.partial(_update, 1.0 - decay), self.teacher_parameters, self.student_parameters)
        return decay


def _is_moving_statistic(parameter: Parameter) -> bool:
    return parameter.name.endswith(("moving_mean", "moving_variance"))


_SUBTRACT = ops.ApplyGradientDescent()


def _update(rate: Tensor, old: Parameter, new: Parameter) -> Tensor:
    """old -= rate * (old - new): two passes over the weights instead of four."""
    return _SUBTRACT(old, rate, old - new)
