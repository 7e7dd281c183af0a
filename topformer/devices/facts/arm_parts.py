"""Names of ARM cores by implementer and part number, as /proc/cpuinfo gives them.

Source: the main ID register values in Linux, arch/arm64/include/asm/cputype.h, and the lists of
util-linux's lscpu-arm.c for what the kernel does not name.
"""

_NAMES = {
    0x41: {
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8B: "C1-Pro",
        0xD8C: "C1-Ultra",
        0xD90: "C1-Premium",
    },
    0x51: {
        0x001: "Oryon",
        0x800: "Kryo-2xx-Gold",
        0x801: "Kryo-2xx-Silver",
        0x802: "Kryo-3xx-Gold",
        0x803: "Kryo-3xx-Silver",
        0x804: "Kryo-4xx-Gold",
        0x805: "Kryo-4xx-Silver",
    },
    0x53: {
        0x001: "Exynos-M1",
        0x002: "Exynos-M3",
        0x003: "Exynos-M4",
        0x004: "Exynos-M5",
    },
}


def core_name(implementer: int, part: int) -> str:
    """Name of a core; its numbers where the name is not known."""
    return _NAMES.get(implementer, {}).get(part, f"{implementer:#04x}:{part:#05x}")
