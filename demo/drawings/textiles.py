"""Things woven and sewn."""

# ruff: noqa: E501 (paths are not prose)

from demo.drawings import (
    BLUSH,
    CLAY,
    CREAM,
    FOREST,
    INK,
    LINEN,
    NIGHT,
    OAK,
    OCHRE,
    RUST,
    SAGE,
    SKY,
    STONE,
    WALNUT,
    WHITE,
    Drawing,
)


def _grid(x: int, y: int, columns: int, rows: int, step: int, colour: str) -> str:
    lines = [f"M{x + at * step} {y}v{rows * step}" for at in range(columns + 1)]
    lines += [f"M{x} {y + at * step}h{columns * step}" for at in range(rows + 1)]
    return f'<path d="{"".join(lines)}" fill="none" stroke="{colour}" stroke-width="3"/>'


DRAWINGS = [
    Drawing(  # Washed linen duvet
        f'<rect x="44" y="128" width="312" height="40" rx="14" fill="{OAK}"/><rect x="56" y="160" width="288" height="126" rx="16" fill="{WHITE}"/>'
        f'<rect x="70" y="142" width="118" height="60" rx="24" fill="{CREAM}"/><rect x="212" y="142" width="118" height="60" rx="24" fill="{CREAM}"/>'
        f'<path d="M46 206c50-14 90 10 148 0s110-12 160 2v76c0 10-6 16-16 16H62c-10 0-16-6-16-16z" fill="{SAGE}"/>'
        f'<path d="M46 206c50-14 90 10 148 0s110-12 160 2v22c-60-14-100 0-160 6s-100-6-148 0z" fill="{LINEN}"/>'
        '<g fill="none" stroke="#6f866b" stroke-width="3" stroke-linecap="round" opacity=".7"><path d="M110 250c10 16 8 30 2 44M214 246c-10 18-6 34 4 48M296 248c8 14 6 30-4 46"/></g>',
        (200, 160),
    ),
    Drawing(  # Merino throw
        f'<path d="M96 116c-4-14 8-24 22-24h164c14 0 26 10 22 24l-24 130H120z" fill="{CLAY}"/>'
        f'<path d="M240 92h42c14 0 26 10 22 24l-24 130h-54c14-50 20-104 14-154z" fill="{RUST}" opacity=".55"/>'
        f'<path d="M100 136h200M106 168h188M112 200h176" stroke="{BLUSH}" stroke-width="5" opacity=".8"/>'
        f'<g stroke="{CLAY}" stroke-width="6" stroke-linecap="round"><path d="M124 248v34M142 248v40M160 248v34M178 248v40M196 248v34M214 248v40M232 248v34M250 248v40M268 248v34"/></g>',
        None,
        False,
    ),
    Drawing(  # Waffle towel
        f'<rect x="74" y="66" width="252" height="12" rx="6" fill="{OAK}"/><circle cx="74" cy="72" r="11" fill="{WALNUT}"/><circle cx="326" cy="72" r="11" fill="{WALNUT}"/>'
        f'<path d="M122 62h156v226c-52 8-104 8-156 0z" fill="{SKY}"/>{_grid(128, 84, 9, 11, 16, "#86a3b1")}'
        f'<path d="M122 62h156v20H122z" fill="#86a3b1"/><path d="M122 272h156v16c-52 8-104 8-156 0z" fill="{WHITE}" opacity=".75"/>',
        None,
        False,
    ),
    Drawing(  # Bouclé cushion
        f'<path d="M94 124c-8-18 6-30 24-24 54 14 110 14 164 0 18-6 32 6 24 24-14 46-14 92 0 138 8 20-6 34-24 28-54-12-110-12-164 0-18 6-32-8-24-28 14-46 14-92 0-138z" fill="{CREAM}"/>'
        f'<path d="M282 100c18-6 32 6 24 24-14 46-14 92 0 138 8 20-6 34-24 28-22-6-44-8-66-9 50-40 76-110 66-181z" fill="{LINEN}"/>'
        f'<g fill="none" stroke="{STONE}" stroke-width="4" stroke-linecap="round" opacity=".55"><path d="M132 140q8-8 16 0M180 128q8-8 16 0M228 138q8-8 16 0M150 172q8-8 16 0M204 168q8-8 16 0M250 178q8-8 16 0M130 208q8-8 16 0M180 210q8-8 16 0M230 214q8-8 16 0M150 246q8-8 16 0M204 250q8-8 16 0M252 250q8-8 16 0"/></g>',
        (200, 104),
    ),
    Drawing(  # Wool rug, sand
        f'<path d="M96 96h208l58 178H38z" fill="{LINEN}"/><path d="M112 112h176l44 146H68z" fill="#d8c4a2"/>'
        f'<path d="M200 122l66 62-66 64-66-64z" fill="{CREAM}"/><path d="M200 148l38 36-38 38-38-38z" fill="{CLAY}"/>'
        f'<path d="M116 126l26 26-34 36zM284 126l-26 26 34 36zM84 250l40-40 40 40zM316 250l-40-40-40 40z" fill="{OCHRE}" opacity=".75"/>'
        f'<g stroke="{STONE}" stroke-width="4" stroke-linecap="round"><path d="M42 276l-4 16M72 276l-3 16M104 276l-2 16M136 276l-1 16M168 276v16M200 276v16M232 276v16M264 276l1 16M296 276l2 16M328 276l3 16M358 276l4 16"/></g>',
        None,
        False,
    ),
    Drawing(  # Cotton bathrobe
        f'<path d="M200 40v22" stroke="{WALNUT}" stroke-width="6"/><path d="M164 74c20-18 52-18 72 0" fill="none" stroke="{WALNUT}" stroke-width="7"/>'
        f'<path d="M158 74l42 84 42-84c28 6 46 24 54 56l30 96-42 14-20-58v122H136V182l-20 58-42-14 30-96c8-32 26-50 54-56z" fill="{WHITE}"/>'
        f'<path d="M242 74c28 6 46 24 54 56l30 96-42 14-20-58v122h-34z" fill="{LINEN}"/>'
        f'<path d="M158 74l42 84v146" fill="none" stroke="{STONE}" stroke-width="5"/><path d="M242 74l-42 84" stroke="{STONE}" stroke-width="5"/>'
        f'<path d="M136 196h128v18H136z" fill="{STONE}"/><path d="M206 206l16 60M196 206l-10 54" stroke="{STONE}" stroke-width="11" stroke-linecap="round"/>',
        None,
        False,
    ),
    Drawing(  # Quilted bedspread
        f'<rect x="78" y="84" width="244" height="206" rx="18" fill="{NIGHT}"/><rect x="90" y="96" width="220" height="182" rx="10" fill="{SKY}"/>'
        f'<g fill="none" stroke="{WHITE}" stroke-width="3" opacity=".8"><path d="M90 142l46-46M90 200l104-104M90 258l162-162M116 278L298 96M174 278l136-136M232 278l78-78M290 278l20-20M310 142l-46-46M310 200L206 96M310 258L148 96M284 278L102 96M226 278L90 142M168 278l-78-78M110 278l-20-20"/></g>'
        f'<path d="M322 230v42c0 10-8 18-18 18h-52c14-30 40-52 70-60z" fill="{WHITE}"/><path d="M322 230c-30 8-56 30-70 60 10-8 60-10 70-60z" fill="{LINEN}"/>',
        None,
        False,
    ),
    Drawing(  # Striped tea towel
        f'<path d="M192 40c-14 0-14 24 0 24h16" fill="none" stroke="{WALNUT}" stroke-width="5"/>'
        f'<path d="M132 70c40-14 96-14 136 0l14 222c-54 12-110 12-164 0z" fill="{WHITE}"/><path d="M232 62c14 2 26 4 36 8l14 222c-18 4-34 6-50 8 8-80 8-160 0-238z" fill="{LINEN}"/>'
        f'<g fill="none" stroke="{RUST}" stroke-width="8"><path d="M128 112c48-12 96-12 144 0M126 138c50-12 98-12 148 0M122 226c52 10 104 10 156 0M120 252c52 10 106 10 160 0"/></g>'
        f'<path d="M124 182c52 2 102 2 152 0" fill="none" stroke="{FOREST}" stroke-width="4"/><circle cx="200" cy="72" r="5" fill="{INK}" opacity=".5"/>',
        None,
        False,
    ),
]
