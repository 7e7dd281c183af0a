"""What files are called in a report's plots."""

from support.report_fakes import fake_report, proved_file
from topformer.verbs.report.plots import line_names, short_names


def test_a_checkpoint_is_called_by_all_of_its_name():
    names = ("my net", "my other net", "tiny")
    files = [proved_file(name=f"{one} 448x448 fp32 xnnpack") for one in names]
    described = fake_report(files, {}, None).files
    assert tuple(short_names(described).values()) == names
    assert tuple(line_names(described).values()) == tuple(f"{one} fp32" for one in names)
