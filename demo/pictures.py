"""Product pictures for the demo shop: flat drawings on soft grounds, as SVG: sharp and small."""

from __future__ import annotations

from functools import cache

from demo.catalog import RANGE, item_id
from demo.drawings import Drawing, desk, garden, kitchen, lighting, living, textiles

WIDTH, HEIGHT = 400, 360

# category: its drawings, and walls with their floors, taken in turn
_ROOMS: dict[str, tuple[list[Drawing], list[tuple[str, str]]]] = {
    "Lighting": (lighting.DRAWINGS, [("#e9dcc6", "#dcc9ab"), ("#d9dcd3", "#c8ccc0"), ("#ead4c5", "#ddc0ad")]),
    "Kitchen": (kitchen.DRAWINGS, [("#dfe5dc", "#cdd6c9"), ("#efe3d2", "#e2d1b8"), ("#dde5e8", "#cad6da")]),
    "Textiles": (textiles.DRAWINGS, [("#f0e2da", "#e4cfc4"), ("#e3e6de", "#d2d7cb"), ("#e9e2d3", "#dbd0ba")]),
    "Living": (living.DRAWINGS, [("#e6e2da", "#d6cfc2"), ("#dde4de", "#cbd5cd"), ("#eddfd3", "#dfcab8")]),
    "Garden": (garden.DRAWINGS, [("#dfe8da", "#c9d7c1"), ("#e9e6d6", "#d8d3b9"), ("#dae5e6", "#c5d5d7")]),
    "Desk": (desk.DRAWINGS, [("#dfe6ec", "#ccd6de"), ("#ebe4d8", "#dbd0bd"), ("#e1e7df", "#ced7cb")]),
}


@cache
def pictures() -> dict[str, str]:
    """The SVG document of each product of the range, by item id."""
    found = {}
    for category, lines in RANGE.items():
        drawings, grounds = _ROOMS[category]
        for number, ((title, _, _), drawing) in enumerate(zip(lines, drawings, strict=True)):
            found[item_id(category, number)] = _document(title, drawing, *grounds[number % len(grounds)])
    return found


def picture(item: str) -> str:
    """The SVG document of a product. Raises `KeyError`."""
    return pictures()[item]


def _document(title: str, drawing: Drawing, wall: str, floor: str) -> str:
    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{wall}"/>']
    if drawing.floor:
        parts.append(f'<rect y="268" width="{WIDTH}" height="{HEIGHT - 268}" fill="{floor}"/>')
    if drawing.shadow:
        x, half = drawing.shadow
        parts.append(f'<ellipse cx="{x}" cy="300" rx="{half + 14}" ry="11" fill="#3a3226" opacity=".16"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' width="{WIDTH}" height="{HEIGHT}" role="img"><title>{title}</title>'
        f"{''.join(parts)}{drawing.body}</svg>"
    )
