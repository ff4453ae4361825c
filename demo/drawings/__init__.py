"""What is in the pictures of the demo shop: one fragment of SVG a product, a file for each category.

A picture is 400 by 360. What stands on the floor stands at y = 300; what hangs, hangs from the top.
"""

from __future__ import annotations

from dataclasses import dataclass

INK = "#2f3a36"
CHARCOAL = "#454c4e"
FOREST = "#3f5f50"
SAGE = "#8ea38a"
MOSS = "#6d8566"
LEAF = "#7fa06f"
CLAY = "#c4704f"
RUST = "#a9573a"
BLUSH = "#e3b7a0"
OCHRE = "#dba94a"
OAK = "#cda270"
OAK_DARK = "#a97d4e"
WALNUT = "#7d5a41"
BRASS = "#cda659"
COPPER = "#c8794e"
STEEL = "#a8b1b3"
STEEL_DARK = "#7d888b"
STONE = "#bcb5a8"
LINEN = "#e9dfcc"
CREAM = "#f7f0e3"
WHITE = "#fffdf8"
SKY = "#9db8c4"
NIGHT = "#4b6475"
GLOW = "#ffe9b0"


@dataclass(frozen=True)
class Drawing:
    """A product. `shadow` is where it touches the floor: centre and half width in x; None if it does not."""

    body: str
    shadow: tuple[int, int] | None = (200, 90)
    floor: bool = True
