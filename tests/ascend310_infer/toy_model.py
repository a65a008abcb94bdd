"""A program, not a test: `toy_model.py PATH BATCH MASKS [NAME VALUE]` writes the ONNX model that `compute_toy` of conftest.py is.

MASKS is a file of np.save, float32 [3, M, M], or "none". The constant NAME is filled with VALUE, so that the model is a wrong one;
"order reversed" gives its outputs in reversed order.
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NODES = [  # operator, inputs, output, attributes
    ("ReduceMean", ["images"], "means", {"axes": [2, 3], "keepdims": 0}),
    ("Div", ["means", "most"], "scores", {}),
    ("Greater", ["means", "least_mean"], "valid", {}),
    ("Mul", ["means", "nothing"], "zeros", {}),
    ("Add", ["zeros", "label_of_row"], "label_numbers", {}),
    ("Cast", ["label_numbers"], "labels", {"to": TensorProto.INT32}),
    ("Unsqueeze", ["means", "last"], "mean_column", {}),
    ("Mul", ["mean_column", "shift_of_mean"], "shift", {}),
    ("Add", ["base_boxes", "shift"], "boxes", {}),
]
CONSTANTS = {
    "most": np.float32(255),
    "least_mean": np.float32(0.2 * 255),
    "nothing": np.float32(0),
    "shift_of_mean": np.float32(10 / 255),
    "label_of_row": np.array([[1, 2, 1]], np.float32),
    "last": np.array([2]),
    "base_boxes": np.array([[[2, 3, 30, 40], [10, -5, 90, 60], [50, 20, 200, 90]]], np.float32),
}

path, batch, mask_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
nodes, constants, shapes = list(NODES), dict(CONSTANTS), {}
if mask_file != "none":
    constants["base_masks"] = np.load(mask_file)[None]
    constants["last_two"] = np.array([2, 3])
    nodes.append(("Unsqueeze", ["scores", "last_two"], "score_cells", {}))
    nodes.append(("Mul", ["base_masks", "score_cells"], "masks", {}))
    shapes["masks"] = [batch, *constants["base_masks"].shape[1:]]
if len(sys.argv) > 4:
    name, value = sys.argv[4:]
    if name != "order":
        constants[name] = np.full_like(constants[name], float(value))

graph = helper.make_graph(
    [helper.make_node(operator, inputs, [output], **more) for operator, inputs, output, more in nodes],
    "toy",
    [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, 64, 96])],
    [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [batch, 3, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3]),
        helper.make_tensor_value_info("labels", TensorProto.INT32, [batch, 3]),
        helper.make_tensor_value_info("valid", TensorProto.BOOL, [batch, 3]),
        *(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()),
    ],
    [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
)
if sys.argv[4:] == ["order", "reversed"]:
    for output in [graph.output.pop() for _ in range(len(graph.output))]:
        graph.output.append(output)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
model.ir_version = 8
onnx.save(model, path)
