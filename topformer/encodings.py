"""Text that people wrote: UTF-8, and what other encodings are called."""

import codecs

from topformer.errors import TopformerError


def decode_text(data: bytes, origin: str) -> str:
    """Decode what a person wrote in UTF-8; a byte order mark is left out.

    `origin` names the text in the error, which names the encoding it seems to be in.
    """
    wide = _wide_encoding(data)
    if wide:
        raise _not_utf8(
            origin,
            f"It is {wide}, as Windows PowerShell writes with > and Notepad with 'Unicode'.",
        )
    if b"\0" in data:
        raise TopformerError(
            f"{origin} is not text.", why="It holds zeros, as pictures, models and archives do."
        )
    try:
        return data.decode("utf-8").lstrip("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        alone = _is_alone(data, error.start)
        guess = "Latin-1 or Windows-1252" if alone else "GBK, Shift-JIS or Windows-1251"
        raise _not_utf8(
            origin,
            f"Line {line} holds the byte 0x{data[error.start]:02X} where UTF-8 has none; "
            f"an encoding such as {guess} does.",
        ) from error


def _not_utf8(origin: str, why: str) -> TopformerError:
    return TopformerError(
        f"{origin} is not UTF-8.",
        why=why,
        next_step="Save it as UTF-8: editors have that under 'Save as' or 'Encoding', "
        "PowerShell as `... | Out-File -Encoding utf8 FILE`.",
    )


def _wide_encoding(data: bytes) -> str:
    """Name UTF-32 or UTF-16, by the mark or by the zeros between ASCII; empty for neither."""
    # UTF-32's mark begins with UTF-16's.
    marks = (
        (codecs.BOM_UTF32_LE, "UTF-32 (little-endian)"),
        (codecs.BOM_UTF32_BE, "UTF-32 (big-endian)"),
        (codecs.BOM_UTF16_LE, "UTF-16 (little-endian)"),
        (codecs.BOM_UTF16_BE, "UTF-16 (big-endian)"),
    )
    for mark, name in marks:
        if data.startswith(mark):
            return name
    # No text has zeros. Without a mark, the first character is ASCII in all that is read here.
    unmarked = {
        "x000": "UTF-32 (little-endian)",
        "000x": "UTF-32 (big-endian)",
        "x0x0": "UTF-16 (little-endian)",
        "0x0x": "UTF-16 (big-endian)",
    }
    return unmarked.get("".join("x" if byte else "0" for byte in data[:4]), "")


def _is_alone(data: bytes, place: int) -> bool:
    """Whether a byte beyond ASCII stands between ASCII: one letter of a Western word."""
    before, after = data[max(0, place - 1) : place], data[place + 1 : place + 2]
    return before.isascii() and after.isascii()
