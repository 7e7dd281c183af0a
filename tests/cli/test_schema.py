import json

import jsonschema
import pytest
from typer.testing import CliRunner

from topformer.cli.main import build_command
from topformer.cli.schema import DOCUMENTS

runner = CliRunner()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_has_a_valid_schema(name):
    result = runner.invoke(build_command(), ["schema", name])
    assert result.exit_code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(result.output))


def test_the_manifests_schema_accepts_manifests_and_nothing_else(exported_tiny):
    schema = json.loads(runner.invoke(build_command(), ["schema", "manifest"]).output)
    manifest = json.loads(exported_tiny.files[0].manifest_path.read_text())
    jsonschema.validate(manifest, schema)
    manifest["model"]["variant"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(manifest, schema)


def test_an_unknown_document_names_the_known_ones():
    from topformer.errors import UsageError

    result = runner.invoke(build_command(), ["schema", "novel"])
    assert isinstance(result.exception, UsageError)
    assert "manifest" in result.exception.next_step
