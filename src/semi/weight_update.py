"""Weight update: average gradients over devices and batches, check, clip and unscale them, and take the optimizer's step."""

from dataclasses import dataclass

import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore import dtype as mstype

from src.semi.gradient_norms import gradient_norms


@dataclass(frozen=True)
class UpdateConfig:
    """How gradients become an update.

    Attributes:
        clip_norm: greatest L2 norm of each parameter's gradient, or of all of them together.
        clip_together: clip the norm of all gradients together.
        batches: gradient accumulation steps: the number of batches whose gradients are averaged for one step. The step number, from
            which random samples and learning rates are derived, is the same for all of them.
        dynamic_loss_scale: halve the loss scale at an overflow and double it later, for float16; initial_loss_scale: at step 0; scale_window: good
            steps before it doubles.
    """

    clip_norm: float
    clip_together: bool
    batches: int
    dynamic_loss_scale: bool
    initial_loss_scale: float
    scale_window: int


class Update(nn.Cell):
    """The weight update from the gradients of a batch.

    Args:
        optimizer: its rate is set before each step.
        learning_rates: float32 [steps], of every step of the run.
        state: the `RunState` of the run.
        device_count: processes whose gradients are averaged, before anything is clipped.
    """

    def __init__(
        self,
        optimizer: nn.Cell,
        learning_rates: np.ndarray,
        state: nn.Cell,
        config: UpdateConfig,
        device_count: int,
    ) -> None:
        super().__init__(auto_prefix=False)
        self.optimizer = optimizer
        self.learning_rates = Tensor(np.asarray(learning_rates, np.float32))
        self.state = state
        self.clip_norm = config.clip_norm
        self.clip_together = config.clip_together
        self.dynamic = config.dynamic_loss_scale
        self.window = config.scale_window
        self.reducer = (
            nn.DistributedGradReducer(optimizer.parameters, True, device_count) if device_count > 1 else ops.identity
        )
        self.norms = gradient_norms(optimizer.parameters)
        # A loop in a graph is a recursion of at most 1000 calls, and takes twice as long to compile.
        self.each = ops.HyperMap()
        self.batches = config.batches
        if config.batches > 1:
            self.sums = optimizer.parameters.clone("sum_of_batches", init="zeros")
            self.taken = Parameter(Tensor(0, mstype.int32), name="batches_taken", requires_grad=False)

    def is_first(self) -> bool | Tensor:
        """Whether the next batch begins a step."""
        return True if self.batches == 1 else self.taken == 0

    def construct(self, gradients: tuple[Tensor, ...], loss: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Add the gradients of one batch, and take the step with the last batch.

        Args:
            gradients: of the scaled loss, in the order of the optimizer's parameters; loss: scalar, unscaled.

        Returns:
            finite: whether loss and gradients were finite on all devices (else only the loss scale changed; True until the step
            has all its batches); the learning rate; the number of the next step; complete: whether the step has all its batches.
        """
        # A loss that is not finite may have finite gradients. It makes one of them NaN, so that all devices skip the step.
        broken = ops.where(ops.isfinite(loss), 0.0, np.nan).astype(gradients[0].dtype)
        gradients = self.reducer((gradients[0] + broken,) + gradients[1:])
        rate, next_step = self.learning_rates[self.state.step], self.state.step + 1
        finite = complete = Tensor(True)
        if self.batches == 1:
            finite = self._step(gradients, rate, next_step)
        else:
            taken = self.taken + 1
            complete = taken == self.batches
            self.each(ops.partial(ops.assign_add), self.sums, gradients)
            ops.assign(self.taken, ops.where(complete, 0, taken).astype(mstype.int32))
            if complete:
                finite = self._step(self._take_means(), rate, next_step)
        return finite, rate, next_step, complete

    def _take_means(self) -> tuple[Tensor, ...]:
        """The averages over the batches of a step; resets the sums to 0."""
        return self.each(ops.partial(_take_mean, self.batches), self.sums)

    def _step(self, gradients: tuple[Tensor, ...], rate: Tensor, next_step: Tensor) -> Tensor:
        """Update the weights if all gradients are finite; returns whether they are."""
        norms = self.norms(gradients)
        finite = ops.isfinite(norms.sum())
        if finite:
            updates = self._clip(gradients, norms)
            ops.assign(self.optimizer.learning_rate, rate)
            self.optimizer(updates)
        if self.dynamic:
            self._update_scale(finite)
        ops.assign(self.state.step, next_step)
        return finite

    def _clip(self, gradients: tuple[Tensor, ...], norms: Tensor) -> tuple[Tensor, ...]:
        """Clip and unscale by one factor: min(max_norm / norm, 1) / scale, with norms and max_norm of scaled gradients."""
        max_norm = self.clip_norm * self.state.loss_scale
        if self.clip_together:
            factor = self.clip_norm / ops.maximum(max_norm, ops.sqrt(ops.square(norms).sum()))
            return self.each(ops.partial(_times, factor), gradients)
        factors = self.clip_norm / ops.maximum(max_norm, norms)
        return self.each(_times, ops.unstack(factors), gradients)

    def _update_scale(self, finite: Tensor) -> None:
        good = ops.where(finite, self.state.good_steps + 1, 0)
        scale = ops.where(
            finite, self.state.loss_scale, ops.maximum(self.state.loss_scale * 0.5, Tensor(1.0, mstype.float32))
        )
        scale = ops.where(good >= self.window, scale * 2.0, scale)
        ops.assign(self.state.loss_scale, scale)
        ops.assign(self.state.good_steps, ops.where(good >= self.window, 0, good).astype(mstype.int32))


def _times(factor: Tensor, gradient: Tensor) -> Tensor:
    return gradient * factor


def _take_mean(count: int, total: Parameter) -> Tensor:
    """The mean of a sum, which is reset to 0."""
    mean = total / count
    return ops.depend(mean, ops.assign(total, ops.zeros_like(mean)))
