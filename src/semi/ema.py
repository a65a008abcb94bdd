"""The teacher as a slow average of the student (Tarvainen and Valpola 2017, Mean Teacher, eq. 2)."""

from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype


class MovingAverage(nn.Cell):
    """teacher := keep * teacher + (1 - keep) * student, inside the graph.

    Args:
        teacher, student: networks of one architecture.
        keep_rate: of a full-grown average; its memory is 1 / (1 - keep_rate) steps.
        ramp: let the memory grow with the steps taken, keep = t / (t + 1) up to keep_rate, so that the teacher of a short
            run is the mean of the students so far. Without it only the first step is special: it copies.
    """

    def __init__(self, teacher: nn.Cell, student: nn.Cell, keep_rate: float, ramp: bool) -> None:
        super().__init__(auto_prefix=False)
        pairs = [
            (old, new)
            for old, new in zip(teacher.get_parameters(), student.get_parameters(), strict=True)
            if new.requires_grad or _is_moving_statistic(new)
        ]
        self.teacher_parameters = tuple(pair[0] for pair in pairs)
        self.student_parameters = tuple(pair[1] for pair in pairs)
        self.keep_rate = keep_rate
        self.ramp = ramp
        self.each = ops.HyperMap()  # compiles in less time than a loop, which is a recursion of at most 1000 calls

    def keep(self, age: Tensor) -> Tensor:
        """The share of the teacher that stays at its `age`-th step, counted from 0: scalar float32."""
        age = age.astype(mstype.float32)
        grown = age / (age + 1.0) if self.ramp else ops.minimum(age, Tensor(1.0, mstype.float32))
        return ops.minimum(grown, Tensor(self.keep_rate, mstype.float32))

    def construct(self, age: Tensor, student_moved: Tensor) -> Tensor:
        """Move the teacher one step.

        Args:
            age: scalar int32, see `keep`; student_moved: scalar bool; the teacher stays when its student did.

        Returns:
            The share that stayed.
        """
        keep = ops.where(student_moved, self.keep(age), Tensor(1.0, mstype.float32))
        self.each(ops.partial(_move, 1.0 - keep), self.teacher_parameters, self.student_parameters)
        return keep


def _is_moving_statistic(parameter: Parameter) -> bool:
    return parameter.name.endswith(("moving_mean", "moving_variance"))


_SUBTRACT = ops.ApplyGradientDescent()


def _move(share: Tensor, old: Parameter, new: Parameter) -> Tensor:
    """old -= share * (old - new): two passes over the weights instead of four."""
    return _SUBTRACT(old, share, old - new)
