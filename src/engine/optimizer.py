"""Optimizers: SGD with and without momentum, Adam, AdamW."""

from mindspore import Parameter, Tensor, nn, ops

_subtract = ops.ApplyGradientDescent()
OPTIMIZERS = ("momentum", "sgd", "adam", "adamw")


def build_optimizer(
    name: str, parameters: list[Parameter], base_lr: float, momentum: float, weight_decay: float
) -> nn.Cell:
    """Build an optimizer; its learning rate is a parameter that the training step sets, and all of its state is
    parameters.

    Args:
        name: "momentum", v = momentum * v + g, w -= lr * v (the model zoo's sgd); "sgd", w -= lr * g;
            "adam" (Kingma and Ba 2015, algorithm 1); "adamw", see `AdamW`.
        weight_decay: coefficient of the L2 penalty, weight_decay * w is added to the gradient; decoupled for AdamW.

    Raises:
        ValueError: the name is unknown.
    """
    if name == "momentum":
        return nn.Momentum(parameters, base_lr, momentum, weight_decay)
    if name == "sgd":
        return nn.SGD(parameters, base_lr, momentum=0.0, weight_decay=weight_decay)
    if name == "adam":
        return nn.Adam(parameters, base_lr, weight_decay=weight_decay)
    if name == "adamw":
        return AdamW(parameters, base_lr, weight_decay)
    raise ValueError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, got {name!r}")


class AdamW(nn.Cell):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2): w -= lr * decay * w.

    Biases and the gamma and beta of batch norm are not decayed. It wraps `nn.Adam`, because `nn.AdamWeightDecay` has no
    bias correction.
    """

    def __init__(self, parameters: list[Parameter], base_lr: float, weight_decay: float) -> None:
        super().__init__(auto_prefix=False)
        self.adam = nn.Adam(parameters, base_lr)
        self.parameters, self.learning_rate = self.adam.parameters, self.adam.learning_rate
        self.decayed = tuple(parameter for parameter in self.adam.parameters if parameter.ndim > 1)
        self.weight_decay = weight_decay
        self.each = (
            ops.HyperMap()
        )  # graph mode compiles a loop as recursion, at most 1000 deep: not enough for a ResNet-152

    def construct(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Update all parameters; `gradients` are in the order of `parameters`."""
        if self.weight_decay > 0:
            self.each(ops.partial(_decay, self.adam.learning_rate * self.weight_decay), self.decayed)
        return self.adam(gradients)


def _decay(factor: Tensor, parameter: Parameter) -> Tensor:
    return _subtract(parameter, factor, parameter)
