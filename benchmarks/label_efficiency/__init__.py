"""What unlabelled images and chosen labels are worth on a data set; see docs/EVIDENCE.md."""
