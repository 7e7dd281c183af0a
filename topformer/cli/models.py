"""`topformer models`: the networks there are, and the published weights for them."""

from topformer.cli.options import JsonOption


def models(as_json: JsonOption = False) -> None:
    """List the sizes of the network and the published checkpoints.

    Sizes and the names of ADE20K checkpoints go to --weights and --model.

    The ImageNet ones initialise a training. Stdout holds the names alone.

    Examples:

      topformer models

      topformer models --json
    """
    from topformer.verbs.models import run

    run(as_json=as_json)
