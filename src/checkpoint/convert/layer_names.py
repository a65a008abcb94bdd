"""Names of detector layers, except the backbone, in torchvision and in MindSpore's model zoo."""

from typing import NamedTuple


class Rename(NamedTuple):
    """A regular expression, the name in this project, and whether a fully connected weight is [inputs, outputs]."""

    pattern: str
    name: str
    inputs_first: bool = False


_ZOO_BOX_HEAD = r"rcnn(?:_cls\.fpn_cls)?"  # in its Faster R-CNN and in its Mask R-CNN
# Only Mask R-CNN has a mask head.
TORCHVISION = (
    Rename(r"backbone\.fpn\.inner_blocks\.(\d)(?:\.0)?\.(weight|bias)", r"fpn.lateral.\1.\2"),
    Rename(r"backbone\.fpn\.layer_blocks\.(\d)(?:\.0)?\.(weight|bias)", r"fpn.output.\1.\2"),
    Rename(r"rpn\.head\.conv(?:\.0\.0)?\.(weight|bias)", r"rpn.conv.\1"),
    Rename(r"rpn\.head\.cls_logits\.(weight|bias)", r"rpn.objectness.\1"),
    Rename(r"rpn\.head\.bbox_pred\.(weight|bias)", r"rpn.offsets.\1"),
    Rename(r"roi_heads\.box_head\.fc6\.(weight|bias)", r"box_head.fc1.\1"),
    Rename(r"roi_heads\.box_head\.fc7\.(weight|bias)", r"box_head.fc2.\1"),
    Rename(r"roi_heads\.box_predictor\.cls_score\.(weight|bias)", r"box_head.classes.\1"),
    Rename(r"roi_heads\.box_predictor\.bbox_pred\.(weight|bias)", r"box_head.offsets.\1"),
    *(
        Rename(
            rf"roi_heads\.mask_head\.(?:mask_fcn{number + 1}|{number}\.0)\.(weight|bias)",
            rf"mask_head.convs.{number}.\1",
        )
        for number in range(4)
    ),
    Rename(r"roi_heads\.mask_predictor\.conv5_mask\.(weight|bias)", r"mask_head.deconv.\1"),
    Rename(r"roi_heads\.mask_predictor\.mask_fcn_logits\.(weight|bias)", r"mask_head.classes.\1"),
)
MODEL_ZOO = (
    Rename(r"fpn_n(?:eck|cek)\.lateral_convs_list\.(\d)\.(weight|bias)", r"fpn.lateral.\1.\2"),
    Rename(r"fpn_n(?:eck|cek)\.fpn_convs_list\.(\d)\.(weight|bias)", r"fpn.output.\1.\2"),
    # The five levels share one head, which checkpoints store under the name of the first level.
    Rename(r"rpn_with_loss\.rpn_convs_list\.0\.rpn_conv\.(weight|bias)", r"rpn.conv.\1"),
    Rename(r"rpn_with_loss\.rpn_convs_list\.0\.rpn_cls\.(weight|bias)", r"rpn.objectness.\1"),
    Rename(r"rpn_with_loss\.rpn_convs_list\.0\.rpn_reg\.(weight|bias)", r"rpn.offsets.\1"),
    Rename(rf"{_ZOO_BOX_HEAD}\.shared_fc_0\.(weight|bias)", r"box_head.fc1.\1", inputs_first=True),
    Rename(rf"{_ZOO_BOX_HEAD}\.shared_fc_1\.(weight|bias)", r"box_head.fc2.\1", inputs_first=True),
    Rename(rf"{_ZOO_BOX_HEAD}\.cls_scores\.(weight|bias)", r"box_head.classes.\1", inputs_first=True),
    Rename(rf"{_ZOO_BOX_HEAD}\.reg_scores\.(weight|bias)", r"box_head.offsets.\1", inputs_first=True),
    *(
        Rename(rf"rcnn_mask\.fpn_mask\.mask_conv{number + 1}\.(weight|bias)", rf"mask_head.convs.{number}.\1")
        for number in range(4)
    ),
    Rename(r"rcnn_mask\.fpn_mask\.mask_deconv5\.(weight|bias)", r"mask_head.deconv.\1"),
    Rename(r"rcnn_mask\.fpn_mask\.mask_conv6\.(weight|bias)", r"mask_head.classes.\1"),
)
