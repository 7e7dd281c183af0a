"""A good value of any document's type, made from the type alone."""

import json
from typing import Any

import msgspec
from msgspec import inspect


def example(kind: Any) -> bytes:
    """JSON that a type takes."""
    return json.dumps(_value(inspect.type_info(kind))).encode()


def _value(kind: inspect.Type) -> Any:  # noqa: PLR0911 - one line a type
    match kind:
        case inspect.Metadata():
            return _value(kind.type)
        case inspect.UnionType():
            return _value(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.BoolType():
            return True
        case inspect.IntType() | inspect.FloatType():
            return max(kind.ge or 0, 1 if kind.le is None or kind.le >= 1 else 0)
        case inspect.StrType():
            return "0" * 64 if "64" in (kind.pattern or "") else "some-text"
        case inspect.BytesType():
            return "AAAA"
        case inspect.DictType():
            return {"a name": _value(kind.value_type)}
        case inspect.TupleType():
            return [_value(one) for one in kind.item_types]
        case inspect.ListType() | inspect.VarTupleType():
            return [_value(kind.item_type)] * max(1, kind.min_length or 0)
        case inspect.StructType():
            return _struct(kind)
        case _:
            return None


def _struct(kind: inspect.StructType) -> Any:
    values = {one.encode_name: _field(one) for one in kind.fields}
    if kind.array_like:
        return list(values.values())
    return ({kind.tag_field: kind.tag} if kind.tag_field else {}) | values


def _field(field: inspect.Field) -> Any:
    written = field.encode_name in {"schema", "passed"} and field.default is not msgspec.NODEFAULT
    return field.default if written else _value(field.type)
