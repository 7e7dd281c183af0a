"""`topformer devices`: the phones that adb sees, and what to do about those it cannot use."""

from topformer.cli.options import JsonOption


def devices(as_json: JsonOption = False) -> None:
    """List the devices that adb sees: model, SoC, cores, Android, temperature.

    For those that cannot be used it says what to do. Stdout holds the serials of
    those that can.

    Examples:

      topformer devices

      topformer devices --json
    """
    from topformer.verbs.devices import run

    run(as_json=as_json)
