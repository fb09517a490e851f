"""What an avatar may look like, and the binary attributes that follow from it.

An avatar is one choice for each *part* (top, hair colour, mouth, ...), drawn independently. An attribute holds when a
part's choice is among some. What cannot be seen in a picture is not asked of it: a hat or a bald head hides the colour
of the hair, sunglasses hide the eyes; `visible` tells.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ATTRIBUTES", "EXCLUSIVE", "HIDES", "NAMES", "PARTS", "choose", "involved", "labels", "visible"]

PARTS: dict[str, dict[str, float]] = {
    "top": {
        "none": 7,
        "hat": 5,
        "winterHat02": 4,
        "winterHat03": 4,
        "bob": 7,
        "curvy": 6,
        "longButNotTooLong": 7,
        "straight01": 7,
        "straight02": 7,
        "bigHair": 4,
        "fro": 4,
        "shortFlat": 8,
        "shortRound": 8,
        "shortWaved": 8,
        "theCaesar": 7,
        "dreads01": 4,
        "bun": 3,
    },
    "hair": {"#2c1b18": 28, "#4a312c": 12, "#724133": 18, "#b58143": 9, "#d6b370": 13, "#c93305": 10, "#e8e1e1": 10},
    "accessories": {"none": 70, "prescription02": 9, "round": 8, "sunglasses": 7, "wayfarers": 6},
    "facialHair": {"none": 74, "beardLight": 6, "beardMedium": 8, "beardMajestic": 4, "moustacheMagnum": 8},
    "mouth": {"smile": 34, "twinkle": 12, "serious": 20, "sad": 12, "screamOpen": 8, "grimace": 8, "tongue": 6},
    "eyes": {"default": 56, "closed": 12, "wink": 9, "surprised": 14, "hearts": 4, "side": 5},
    "eyebrows": {"defaultNatural": 46, "angryNatural": 18, "raisedExcitedNatural": 20, "flatNatural": 16},
    "clothes": {
        "hoodie": 22,
        "blazerAndShirt": 18,
        "overall": 12,
        "shirtCrewNeck": 20,
        "shirtVNeck": 16,
        "collarAndSweater": 12,
    },
    "clothesColour": {"#262e33": 24, "#5199e4": 24, "#e6e6e6": 18, "#ff5c5c": 16, "#a7ffc4": 10, "#ffffb1": 8},
    "skin": {"#ffdbb4": 36, "#edb98a": 26, "#d08b5b": 16, "#ae5d29": 11, "#614335": 11},
}
"""For each part its choices, with their weights. Names and colours are those of the style."""

ATTRIBUTES: dict[str, tuple[str, tuple[str, ...]]] = {
    "bald": ("top", ("none",)),
    "hat": ("top", ("hat", "winterHat02", "winterHat03")),
    "long_hair": ("top", ("bob", "curvy", "longButNotTooLong", "straight01", "straight02", "bigHair")),
    "afro": ("top", ("fro",)),
    "black_hair": ("hair", ("#2c1b18",)),
    "brown_hair": ("hair", ("#4a312c", "#724133")),
    "blond_hair": ("hair", ("#b58143", "#d6b370")),
    "red_hair": ("hair", ("#c93305",)),
    "gray_hair": ("hair", ("#e8e1e1",)),
    "eyeglasses": ("accessories", ("prescription02", "round")),
    "sunglasses": ("accessories", ("sunglasses", "wayfarers")),
    "beard": ("facialHair", ("beardLight", "beardMedium", "beardMajestic")),
    "moustache": ("facialHair", ("moustacheMagnum",)),
    "smiling": ("mouth", ("smile", "twinkle")),
    "sad": ("mouth", ("sad",)),
    "screaming": ("mouth", ("screamOpen",)),
    "grimacing": ("mouth", ("grimace",)),
    "tongue_out": ("mouth", ("tongue",)),
    "eyes_closed": ("eyes", ("closed",)),
    "winking": ("eyes", ("wink",)),
    "surprised": ("eyes", ("surprised",)),
    "heart_eyes": ("eyes", ("hearts",)),
    "angry_brows": ("eyebrows", ("angryNatural",)),
    "hoodie": ("clothes", ("hoodie",)),
    "blazer": ("clothes", ("blazerAndShirt",)),
    "overall": ("clothes", ("overall",)),
    "dark_clothes": ("clothesColour", ("#262e33",)),
    "red_clothes": ("clothesColour", ("#ff5c5c",)),
    "pale_skin": ("skin", ("#ffdbb4",)),
    "dark_skin": ("skin", ("#ae5d29", "#614335")),
}
"""For each attribute the part that decides it, and the choices with which it holds."""

NAMES = tuple(ATTRIBUTES)

EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("bald", "hat", "long_hair", "afro"),
    ("black_hair", "brown_hair", "blond_hair", "red_hair", "gray_hair"),
    ("eyeglasses", "sunglasses"),
    ("beard", "moustache"),
    ("smiling", "sad", "screaming", "grimacing", "tongue_out"),
    ("eyes_closed", "winking", "surprised", "heart_eyes"),
    ("hoodie", "blazer", "overall"),
    ("dark_clothes", "red_clothes"),
    ("pale_skin", "dark_skin"),
)
"""Groups of attributes of which at most one holds."""

HAIR_COLOURS = ("black_hair", "brown_hair", "blond_hair", "red_hair", "gray_hair")
HIDES: dict[str, tuple[str, ...]] = {
    "bald": HAIR_COLOURS,
    "hat": HAIR_COLOURS,
    "sunglasses": ("eyes_closed", "winking", "surprised", "heart_eyes"),
}
"""What an attribute hides: with it, nothing is asked of these. (Facial hair has the colour of the hair.)"""


def choose(seed: int, index: int) -> dict[str, str]:
    """Choose the parts of avatar `index`: a function of (seed, index) alone."""
    draw = np.random.default_rng([seed, index])
    return {part: _pick(draw.random(), choices) for part, choices in PARTS.items()}


def _pick(number: float, choices: dict[str, float]) -> str:
    """Return the choice at a number in [0, 1) on the line of weights."""
    edges = np.cumsum(list(choices.values()))
    return list(choices)[int(np.searchsorted(edges, number * edges[-1], side="right"))]


def labels(parts: dict[str, str]) -> np.ndarray:
    """Return which attributes hold, `(A,)` bool in the order of `NAMES`."""
    return np.array([parts[part] in choices for part, choices in ATTRIBUTES.values()])


def visible(held: np.ndarray) -> np.ndarray:
    """Return which attributes can be seen, `(..., A)` bool, given which hold, `(..., A)`."""
    seen = np.ones(held.shape, dtype=bool)
    for name, hidden in HIDES.items():
        for other in hidden:
            seen[..., NAMES.index(other)] &= ~held[..., NAMES.index(name)].astype(bool)
    return seen


def involved(name: str) -> set[str]:
    """Return the attributes that may have to change with one: what it excludes, what hides it, and what these hide."""
    hiders = [other for other, hidden in HIDES.items() if name in hidden]
    related = {other for group in EXCLUSIVE for one in (name, *hiders) if one in group for other in group}
    related |= {other for one in (name, *related) for other in HIDES.get(one, ())}
    return related - {name}
