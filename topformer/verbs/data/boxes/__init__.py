"""`topformer data check` of boxes in COCO's format."""
