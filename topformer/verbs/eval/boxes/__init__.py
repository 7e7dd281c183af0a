"""`topformer eval` of detectors: COCO's average precision of the boxes that they find."""
