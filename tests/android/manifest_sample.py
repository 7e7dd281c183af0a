"""A manifest with something in every field, small enough to be edited everywhere."""

from topformer.manifest import (
    Agreement,
    Classes,
    Delegation,
    FileInfo,
    Gates,
    GoldenCase,
    InputAgreement,
    LevelParity,
    Manifest,
    ModelInfo,
    OperatorGroup,
    OutputInfo,
    Parity,
    WeightsInfo,
)
from topformer.preprocess import input_info

GATES = Gates(sqnr_db=90.0, label_agreement=0.9999)
AGREEMENT = Agreement(
    max_abs_error=0.25, sqnr_db=134.5, label_agreement=1.0, label_agreement_untied=1.0
)
INPUT_AGREEMENT = InputAgreement(
    input="picture:china", agreement=AGREEMENT, required=GATES, ill_conditioned=False
)
OPERATORS = OperatorGroup(operator="conv2d", count=3, macs=1_000_000_000_000, reason="none")

SAMPLE = Manifest(
    model=ModelInfo(variant="tiny", num_classes=2, fused_channels=128, depthwise_head=True),
    weights=WeightsInfo(
        name="topformer-tiny-example",
        sha256="0123456789abcdef" * 4,
        licence="none: an example",
        source="tests",
        random_seed=3,
    ),
    input=input_info(448, 576),
    output=OutputInfo(shape=(1, 2, 56, 72)),
    classes=Classes(
        dataset="example", names=("sky", "b\u00e4ume"), palette=((70, 130, 180), (0, 255, 7))
    ),
    file=FileInfo(
        name="example.pte",
        sha256="fedcba9876543210" * 4,
        size_bytes=5_000_000_000,
        target="xnnpack",
        precision="fp32",
        libraries={"executorch": "1.5.1"},
    ),
    parity=Parity(
        passed=True,
        gates=GATES,
        levels=(LevelParity(level="file", worst=AGREEMENT, inputs=(INPUT_AGREEMENT,)),),
    ),
    delegation=Delegation(
        backend="xnnpack",
        delegates=1,
        inside=(OPERATORS,),
        outside=(),
        planned_memory_bytes=4096,
        notes=("note",),
    ),
    golden=(
        GoldenCase(
            input="zeros",
            input_sha256="00" * 32,
            required=GATES,
            ill_conditioned=False,
            logits=b"\x00\x00\x80\x3f",
            labels=b"\x01\x00",
            margins=b"\x00\x00\x80\x3f",
        ),
    ),
)
