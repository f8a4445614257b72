"""How results of metrics look when they are printed."""

import dataclasses
from typing import Any


class Result:
    """A frozen dataclass whose floats are printed with five digits; what is None is left out."""

    def __repr__(self) -> str:
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        parts = [f"{name}={readable(value)}" for name, value in fields.items() if value is not None]
        return f"{type(self).__name__}({', '.join(parts)})"


def readable(value: Any) -> str:
    """Return a value's text, floats short, long tuples by their length."""
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, tuple):
        return f"[{', '.join(readable(part) for part in value)}]" if len(value) <= 25 else f"[{len(value)} values]"
    return str(value)
