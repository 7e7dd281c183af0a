"""`topformer report`: files made, proved, scored and measured, and which of them to ship."""
