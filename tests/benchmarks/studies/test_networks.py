import pytest

from topformer.benchmarks.studies.networks import measure


@pytest.mark.slow
def test_every_contestant_answers_every_round(small_pte):
    files = [(small_pte, False), (small_pte.with_name("topformer-tiny-64x96-onnx.onnx"), False)]
    samples = measure(files, lives=2, rounds=2, runs=3)
    assert samples.shape == (2, 4, 3)
    # A network this small takes far less than a second, and never nothing.
    assert ((samples > 0.01) & (samples < 1000)).all()
