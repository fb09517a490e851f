"""Random specs: what the JSON Schema allows, and the same with something wrong at any level."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

__all__ = ["broken", "instance"]

DEEPEST = 5
Schema = dict[str, Any]
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 0.5, -0.0, 1e308, 1e-320, 2**31, 2**63, 10**40, 10**400),
    *(float("nan"), float("inf"), "", " ", "nonsense", "C", "1", "1e3", "on", "12:30", "2020-01-01", "é", "a: b", "\t"),
    *("\u200bname", "na\u00a0me", "a\nb", "\0", "\ud7ff", "😀", "x" * 3_000, "<b>", "{{ x }}", "%s"),
    *("../../x", "/", ".", "~", "/dev/zero", "a/b"),
    *([], {}, [[]], [None], {"use": None}, {"use": []}, {"": 1}, [1, "a", {}], {"at_least": {}}, [[[[[[]]]]]]),
)
"""Values that are wrong in most places."""


def instance(schema: Schema, rng: Random) -> Any:
    """Return a random value that a schema allows, or nearly so: rules that forbid combinations are not followed.

    Args:
        schema: A schema with its `$defs`.
        rng: Draws.
    """
    return _Maker(schema, rng).value(schema, 0)


class _Maker:
    def __init__(self, schema: Schema, rng: Random) -> None:
        self.parts, self.rng = schema.get("$defs", {}), rng

    def value(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict) or not schema:
            return copy.deepcopy(self.rng.choice(ODD))
        if "$ref" in schema:
            return self.value(self.parts[schema["$ref"].rpartition("/")[2]], depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.rng.choice(schema["enum"])
        forms = [one for key in ("anyOf", "oneOf") for one in schema.get(key, []) if _is_form(one)]
        if forms:
            simple = [one for one in forms if depth < DEEPEST or one.get("type") not in ("object", "array")]
            return self.value(self.rng.choice(simple or forms), depth + 1)
        kind = schema.get("type", "object" if "properties" in schema else "")
        return self._of(self.rng.choice(kind) if isinstance(kind, list) else kind, schema, depth)

    def _of(self, kind: str, schema: Schema, depth: int) -> Any:
        rng = self.rng
        if kind == "object":
            return self._mapping(schema, depth)
        if kind == "array":
            return self._list(schema, depth)
        if kind == "boolean":
            return rng.random() < 0.5
        if kind in ("integer", "number"):
            low = schema.get("minimum", schema.get("exclusiveMinimum", -5))
            number = rng.choice((low, low + 1, low + rng.random() * 10, schema.get("maximum", low + 3)))
            return int(number) if kind == "integer" else number
        return None if kind == "null" else rng.choice(("name", "a.b", "C", "x y", "file.mid", "0", ""))

    def _list(self, schema: Schema, depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self.value(one, depth + 1) for one in schema["prefixItems"]]
        least = schema.get("minItems", 0)
        count = least if depth >= DEEPEST else self.rng.randint(least, max(least, 3))
        return [self.value(schema.get("items", {}), depth + 1) for _ in range(count)]

    def _mapping(self, schema: Schema, depth: int) -> dict[str, Any]:
        rng, properties = self.rng, dict(schema.get("properties", {}))
        wanted = set(schema.get("required", ()))
        for key in ("anyOf", "oneOf"):
            if needs := [one["required"] for one in schema.get(key, []) if "required" in one]:
                wanted |= set(rng.choice(needs))
        chosen = [key for key in properties if key in wanted or (depth < DEEPEST and rng.random() < 0.3)]
        found = {key: self.value(properties[key], depth + 1) for key in chosen}
        for rule in schema.get("allOf", ()):
            names = rule.get("if", {}).get("properties", {}).get("use", {}).get("enum", ())
            then = rule.get("then", {}).get("properties", {}).get("params")
            if found.get("use") in names and then and (rule["then"].get("required") or rng.random() < 0.5):
                found["params"] = self.value(then, depth + 1)
        return found


def _is_form(one: Any) -> bool:
    """Return whether a part of `anyOf` says what a value is, and not only which keys go together."""
    return isinstance(one, dict) and bool({"type", "enum", "const", "$ref", "properties", "anyOf", "items"} & set(one))


def broken(tree: Any, rng: Random, most: int = 3) -> Any:
    """Return a copy of a tree with up to so many things changed, at any level."""
    tree = {"tree": copy.deepcopy(tree)}
    for _ in range(rng.randint(0, most)):
        if not tree:
            break  # all of it was deleted
        holder, key = rng.choice(list(_places(tree)))
        rng.choice(CHANGES)(holder, key, rng)
    return tree["tree"] if "tree" in tree else None


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every holder of a value and the key or index of it there."""
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _other(holder: Any, key: Any, rng: Random) -> None:
    holder[key] = copy.deepcopy(rng.choice(ODD))


def _deleted(holder: Any, key: Any, rng: Random) -> None:
    del holder[key]


def _renamed(holder: Any, key: Any, rng: Random) -> None:
    name = rng.choice((f"{key}x", str(key)[:-1], str(key).upper(), 3, None, f" {key}", "\u200b", "use", "params", "<<"))
    holder[name if isinstance(holder, dict) else key] = holder[key]


def _nested(holder: Any, key: Any, rng: Random) -> None:
    for _ in range(rng.choice((1, 2, 60, 400))):
        holder[key] = [holder[key]] if rng.random() < 0.5 else {"any": holder[key]}


def _repeated(holder: Any, key: Any, rng: Random) -> None:
    holder[key] = [holder[key]] * rng.choice((2, 40))


def _from_elsewhere(holder: Any, key: Any, rng: Random) -> None:
    places = list(_places({"": holder}))
    other, at = rng.choice(places)
    holder[key] = copy.deepcopy(other[at])


CHANGES: tuple[Callable[[Any, Any, Random], None], ...] = (
    *(_other, _other, _other, _deleted, _renamed, _nested, _repeated, _from_elsewhere),
)
