"""How much unlabelled images and actively selected labels gain on a data set; see docs/EVIDENCE.md."""
