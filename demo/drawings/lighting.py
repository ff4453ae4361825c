"""Lamps and candles."""

# ruff: noqa: E501 (paths are not prose)

from demo.drawings import (
    BLUSH,
    BRASS,
    CHARCOAL,
    CLAY,
    CREAM,
    GLOW,
    INK,
    LINEN,
    OAK,
    OAK_DARK,
    OCHRE,
    RUST,
    WHITE,
    Drawing,
)


def _shine(x: int, y: int, radius: int) -> str:
    return (
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{GLOW}" opacity=".28"/>'
        f'<circle cx="{x}" cy="{y}" r="{radius * 2 // 3}" fill="{GLOW}" opacity=".35"/>'
    )


DRAWINGS = [
    Drawing(  # Dune table lamp
        _shine(200, 150, 120)
        + f'<path d="M164 300c-14-34-22-66 0-92 10-12 62-12 72 0 22 26 14 58 0 92z" fill="{CLAY}"/>'
        f'<path d="M206 200c14 0 26 2 30 8 22 26 14 58 0 92h-26c16-36 14-70-4-100z" fill="{RUST}" opacity=".55"/>'
        f'<rect x="194" y="178" width="12" height="24" fill="{BRASS}"/>'
        f'<path d="M150 84h100l34 98H116z" fill="{CREAM}"/><path d="M214 84h36l34 98h-52z" fill="{LINEN}"/>',
        (200, 66),
    ),
    Drawing(  # Orbit pendant
        f'<rect x="198" y="0" width="4" height="112" fill="{INK}"/>'
        + _shine(200, 196, 120)
        + f'<ellipse cx="200" cy="196" rx="98" ry="30" fill="none" stroke="{BRASS}" stroke-width="9" transform="rotate(-18 200 196)"/><circle cx="200" cy="196" r="62" fill="{WHITE}"/>'
        f'<path d="M200 134a62 62 0 0 1 0 124 88 88 0 0 0 0-124z" fill="{LINEN}" opacity=".7"/>'
        f'<path d="M102 196a98 30 0 0 0 196 0" fill="none" stroke="{BRASS}" stroke-width="9" transform="rotate(-18 200 196)"/>'
        f'<rect x="184" y="108" width="32" height="30" rx="6" fill="{BRASS}"/>',
        None,
        False,
    ),
    Drawing(  # Stem reading light
        f'<path d="M124 172l-34 128h160l-80-128z" fill="{GLOW}" opacity=".4"/>'
        f'<path d="M246 292V116c0-50-80-62-98-14" fill="none" stroke="{INK}" stroke-width="8" stroke-linecap="round"/>'
        f'<path d="M114 172c-2-44 14-68 40-76 20 12 30 34 26 76z" fill="{CHARCOAL}"/>'
        f'<path d="M156 96c20 12 28 34 24 76h-24c4-30 4-54 0-76z" fill="{INK}"/>'
        f'<rect x="114" y="168" width="66" height="8" rx="4" fill="{GLOW}"/>'
        f'<path d="M198 300c0-12 20-18 48-18s48 6 48 18z" fill="{CHARCOAL}"/>',
        (246, 60),
    ),
    Drawing(  # Halo wall sconce
        _shine(200, 164, 130)
        + f'<circle cx="200" cy="164" r="84" fill="{WHITE}"/><circle cx="200" cy="164" r="84" fill="none" stroke="{GLOW}" stroke-width="14"/>'
        f'<circle cx="200" cy="164" r="62" fill="{OAK}"/><path d="M200 102a62 62 0 0 1 0 124 100 100 0 0 0 0-124z" fill="{OAK_DARK}" opacity=".6"/>'
        f'<circle cx="200" cy="164" r="10" fill="{BRASS}"/>',
        None,
        False,
    ),
    Drawing(  # Lantern no. 3
        _shine(200, 218, 96)
        + f'<path d="M156 118c0-64 88-64 88 0" fill="none" stroke="{INK}" stroke-width="7"/>'
        f'<path d="M146 142l22-30h64l22 30z" fill="{CHARCOAL}"/><rect x="152" y="142" width="96" height="140" rx="4" fill="{CREAM}" opacity=".85"/>'
        f'<rect x="180" y="216" width="40" height="66" rx="4" fill="{WHITE}"/><path d="M200 176c16 20 12 34 0 38-12-4-16-18 0-38z" fill="{OCHRE}"/>'
        f'<path d="M152 142h10v140h-10zM238 142h10v140h-10zM196 142h8v36h-8z" fill="{CHARCOAL}"/>'
        f'<rect x="138" y="280" width="124" height="20" rx="5" fill="{INK}"/>',
        (200, 84),
    ),
    Drawing(  # Paper moon shade
        f'<rect x="198" y="0" width="4" height="80" fill="{INK}"/>'
        + _shine(200, 184, 140)
        + f'<ellipse cx="200" cy="184" rx="112" ry="104" fill="{WHITE}"/>'
        f'<g fill="none" stroke="{LINEN}" stroke-width="3"><path d="M98 140q102 34 204 0M89 172q111 38 222 0M90 204q110 38 220 0M103 236q97 32 194 0M132 108q68 22 136 0"/></g>'
        f'<path d="M200 80a112 104 0 0 1 0 208 150 140 0 0 0 0-208z" fill="{LINEN}" opacity=".55"/>'
        f'<ellipse cx="200" cy="82" rx="26" ry="7" fill="{OAK}"/>',
        None,
        False,
    ),
    Drawing(  # Arc floor lamp
        f'<path d="M74 168L40 300h150l-34-132z" fill="{GLOW}" opacity=".38"/>'
        f'<path d="M300 290C318 60 180 14 116 104" fill="none" stroke="{BRASS}" stroke-width="8" stroke-linecap="round"/>'
        f'<path d="M62 170c0-44 22-70 54-70s52 26 52 70z" fill="{CREAM}"/><path d="M118 100c30 0 50 26 50 70h-36c2-30-2-52-14-70z" fill="{LINEN}"/>'
        f'<rect x="62" y="166" width="106" height="8" rx="4" fill="{GLOW}"/>'
        f'<rect x="252" y="282" width="98" height="18" rx="6" fill="{CHARCOAL}"/>',
        (300, 62),
    ),
    Drawing(  # Glow candle jar
        _shine(200, 150, 84)
        + f'<path d="M200 106c22 28 18 48 0 54-18-6-22-26 0-54z" fill="{OCHRE}"/><path d="M200 130c10 14 8 24 0 28-8-4-10-14 0-28z" fill="{WHITE}"/>'
        f'<rect x="198" y="156" width="4" height="22" fill="{INK}"/>'
        f'<path d="M132 170h136v112c0 10-8 18-18 18H150c-10 0-18-8-18-18z" fill="{BLUSH}" opacity=".55"/>'
        f'<path d="M140 196h120v84c0 8-6 12-12 12h-96c-6 0-12-4-12-12z" fill="{CREAM}"/>'
        f'<rect x="162" y="218" width="76" height="50" rx="3" fill="{WHITE}"/><path d="M176 236h48M184 250h32" stroke="{CLAY}" stroke-width="4" stroke-linecap="round"/>'
        f'<path d="M132 170h136v10H132z" fill="{WHITE}" opacity=".8"/>',
        (200, 86),
    ),
]
