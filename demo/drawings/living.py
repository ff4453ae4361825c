"""Furniture and what stands on it."""

# ruff: noqa: E501 (paths are not prose)

from demo.drawings import (
    BRASS,
    CHARCOAL,
    CLAY,
    CREAM,
    FOREST,
    INK,
    LEAF,
    LINEN,
    MOSS,
    NIGHT,
    OAK,
    OAK_DARK,
    OCHRE,
    RUST,
    SKY,
    STONE,
    WALNUT,
    WHITE,
    Drawing,
)

DRAWINGS = [
    Drawing(  # Ash side table
        f'<path d="M128 176l-24 124h14l30-124zM272 176l24 124h-14l-30-124z" fill="{OAK_DARK}"/><path d="M194 176h12v124h-12z" fill="{OAK_DARK}"/>'
        f'<ellipse cx="200" cy="170" rx="118" ry="24" fill="{OAK_DARK}"/><ellipse cx="200" cy="162" rx="118" ry="24" fill="{OAK}"/>'
        f'<path d="M112 160q88-22 176 0M140 172q60-12 120 0" fill="none" stroke="{OAK_DARK}" stroke-width="2.5" opacity=".5"/>'
        f'<path d="M214 158c-10-24-6-44 2-54h20c8 10 12 30 2 54z" fill="{CREAM}"/><path d="M226 104c-2-26 8-44 24-54M226 104c0-28-10-40-26-48" fill="none" stroke="{MOSS}" stroke-width="4"/>'
        f'<ellipse cx="254" cy="52" rx="20" ry="9" fill="{LEAF}" transform="rotate(-40 254 52)"/><ellipse cx="196" cy="54" rx="18" ry="8" fill="{MOSS}" transform="rotate(28 196 54)"/>',
        (200, 108),
    ),
    Drawing(  # Lounge chair
        f'<path d="M116 250l-22 50h12l34-50zM284 250l22 50h-12l-34-50z" fill="{WALNUT}"/>'
        f'<path d="M122 92c4-18 20-28 38-28h80c18 0 34 10 38 28l14 128H108z" fill="{FOREST}"/><path d="M244 64c18 2 30 12 34 28l14 128h-50c10-50 12-108 2-156z" fill="{INK}" opacity=".22"/>'
        f'<path d="M200 70v140M160 74l-6 136M240 74l6 136" stroke="{INK}" stroke-width="3" opacity=".25"/>'
        f'<rect x="98" y="202" width="204" height="48" rx="22" fill="{MOSS}"/><path d="M74 160c18-8 34 2 36 20l8 70H92c-14 0-22-8-24-22l-6-48c-1-10 4-17 12-20zM326 160c-18-8-34 2-36 20l-8 70h26c14 0 22-8 24-22l6-48c1-10-4-17-12-20z" fill="{FOREST}"/>',
        (200, 124),
    ),
    Drawing(  # Magazine rack
        f'<g><path d="M126 122l88-16 14 150H138z" fill="{CLAY}"/><path d="M150 110l86 4-4 146h-88z" fill="{WHITE}"/><path d="M186 118l78 6-12 140h-76z" fill="{SKY}"/></g>'
        f'<path d="M166 134h48M166 150h34" stroke="{INK}" stroke-width="5" opacity=".55"/>'
        f'<path d="M104 186c62 22 130 22 192 0l-20 94c-1 8-8 12-16 12H140c-8 0-15-4-16-12z" fill="{OAK}"/><path d="M252 200c16-3 30-8 44-14l-20 94c-1 8-8 12-16 12h-30c12-26 20-56 22-92z" fill="{OAK_DARK}" opacity=".6"/>'
        f'<path d="M104 186L92 160M296 186l12-26M132 290l-8 12M268 290l8 12" stroke="{INK}" stroke-width="7" stroke-linecap="round"/>',
        (200, 92),
    ),
    Drawing(  # Wall shelf, long
        f'<rect x="44" y="204" width="312" height="18" rx="3" fill="{OAK}"/><rect x="44" y="218" width="312" height="6" fill="{OAK_DARK}"/><path d="M88 224v32M312 224v32" stroke="{BRASS}" stroke-width="8" stroke-linecap="round"/>'
        f'<rect x="72" y="118" width="22" height="86" fill="{NIGHT}"/><rect x="94" y="106" width="18" height="98" fill="{CLAY}"/><rect x="112" y="126" width="24" height="78" fill="{LINEN}"/><path d="M140 204l18-80 16 4-16 76z" fill="{FOREST}"/>'
        f'<path d="M206 204c-12-18-12-40 2-52h24c14 12 14 34 2 52z" fill="{STONE}"/><path d="M220 152c-4-30-22-44-34-44M220 152c2-34 20-50 34-52M220 152V92" fill="none" stroke="{MOSS}" stroke-width="4"/>'
        f'<ellipse cx="184" cy="108" rx="14" ry="7" fill="{LEAF}"/><ellipse cx="256" cy="99" rx="14" ry="7" fill="{LEAF}"/><ellipse cx="220" cy="88" rx="7" ry="14" fill="{MOSS}"/>'
        f'<rect x="272" y="134" width="58" height="70" fill="{WALNUT}"/><rect x="279" y="141" width="44" height="56" fill="{CREAM}"/><circle cx="301" cy="164" r="12" fill="{OCHRE}"/>',
        None,
        False,
    ),
    Drawing(  # Felt storage basket
        f'<path d="M134 166c6-56 126-56 132 0" fill="none" stroke="{WALNUT}" stroke-width="11"/>'
        f'<path d="M116 154c20-34 60-26 82-12 26-26 72-14 86 12z" fill="{OCHRE}"/><path d="M200 146c28-28 70-20 84 8h-84z" fill="{CREAM}"/>'
        f'<path d="M98 154h204l-18 128c-2 12-10 18-20 18H136c-10 0-18-6-20-18z" fill="{STONE}"/><path d="M244 154h58l-18 128c-2 12-10 18-20 18h-38c12-46 18-96 18-146z" fill="{INK}" opacity=".14"/>'
        f'<path d="M98 154h204l-3 22H101z" fill="#d3cdc2"/><rect x="184" y="206" width="46" height="28" rx="4" fill="{WALNUT}"/>',
        (200, 94),
    ),
    Drawing(  # Round mirror
        f'<circle cx="200" cy="176" r="122" fill="{BRASS}"/><circle cx="200" cy="176" r="110" fill="#dfe9ec"/>'
        f'<path d="M200 66a110 110 0 0 1 0 220 190 190 0 0 0 0-220z" fill="{SKY}" opacity=".45"/>'
        f'<path d="M124 196L212 88M142 226L252 92" stroke="{WHITE}" stroke-width="13" stroke-linecap="round" opacity=".85"/><circle cx="200" cy="50" r="7" fill="{INK}"/>',
        None,
        False,
    ),
    Drawing(  # Pouf, terracotta
        f'<path d="M84 232c0-46 46-74 116-74s116 28 116 74c0 44-40 68-116 68S84 276 84 232z" fill="{CLAY}"/>'
        f'<path d="M232 160c52 8 84 34 84 72 0 38-30 62-86 67 26-36 28-92 2-139z" fill="{RUST}" opacity=".55"/>'
        f'<g fill="none" stroke="{RUST}" stroke-width="4" opacity=".8"><path d="M200 178c-50-12-90 14-104 54M200 178c-26 10-42 60-36 120M200 178c26 10 42 60 36 120M200 178c50-12 90 14 104 54"/></g>'
        f'<ellipse cx="200" cy="177" rx="17" ry="7" fill="{RUST}"/>',
        (200, 114),
    ),
    Drawing(  # Mantel clock
        f'<path d="M104 300V190c0-64 38-104 96-104s96 40 96 104v110z" fill="{WALNUT}"/><path d="M240 98c36 16 56 48 56 92v110h-44c10-70 8-140-12-202z" fill="{INK}" opacity=".25"/>'
        f'<circle cx="200" cy="190" r="70" fill="{CREAM}"/><circle cx="200" cy="190" r="70" fill="none" stroke="{BRASS}" stroke-width="8"/>'
        f'<path d="M200 134v12M200 234v12M144 190h12M244 190h12" stroke="{INK}" stroke-width="5" stroke-linecap="round"/><path d="M200 190v-38M200 190l28 16" stroke="{CHARCOAL}" stroke-width="6" stroke-linecap="round"/><circle cx="200" cy="190" r="6" fill="{BRASS}"/>'
        f'<rect x="92" y="286" width="216" height="14" rx="4" fill="{OAK_DARK}"/>',
        (200, 112),
    ),
]
