"""For the desk."""

# ruff: noqa: E501 (paths are not prose)

from demo.drawings import (
    BRASS,
    CHARCOAL,
    CLAY,
    CREAM,
    FOREST,
    GLOW,
    INK,
    LINEN,
    NIGHT,
    OAK,
    OAK_DARK,
    OCHRE,
    RUST,
    SAGE,
    SKY,
    STEEL,
    STEEL_DARK,
    WALNUT,
    WHITE,
    Drawing,
)

DRAWINGS = [
    Drawing(  # Walnut desk tray
        f'<path d="M70 136h260l26 124c2 12-6 20-18 20H62c-12 0-20-8-18-20z" fill="{WALNUT}"/><path d="M88 150h224l22 100H66z" fill="#5f432f"/>'
        f'<path d="M196 150l-6 100" stroke="{WALNUT}" stroke-width="9"/><path d="M190 206h132" stroke="{WALNUT}" stroke-width="9"/>'
        f'<path d="M96 236l24-74M116 238l22-76" stroke="{BRASS}" stroke-width="8" stroke-linecap="round"/><path d="M146 238l14-72" stroke="{SAGE}" stroke-width="9" stroke-linecap="round"/>'
        f'<rect x="222" y="160" width="56" height="34" rx="3" fill="{CREAM}"/><path d="M232 172h34M232 182h24" stroke="{STEEL_DARK}" stroke-width="3"/><circle cx="232" cy="230" r="12" fill="{CLAY}"/><circle cx="264" cy="232" r="12" fill="{OCHRE}"/><circle cx="296" cy="230" r="12" fill="{SKY}"/>',
        None,
        False,
    ),
    Drawing(  # Brass pen
        f'<path d="M92 296c50-30 70 10 112-14 30-18 46-12 60 0" fill="none" stroke="{NIGHT}" stroke-width="4" stroke-linecap="round" opacity=".8"/>'
        f'<g transform="rotate(42 200 170)"><rect x="184" y="24" width="32" height="116" rx="12" fill="{BRASS}"/><rect x="184" y="132" width="32" height="84" fill="{CHARCOAL}"/><path d="M184 216h32l-12 54c-1 6-7 6-8 0z" fill="{BRASS}"/><path d="M200 24c10 0 16 6 16 12v180l-12 54z" fill="{INK}" opacity=".18"/><rect x="184" y="126" width="32" height="10" fill="{OAK_DARK}"/><path d="M218 40v64" stroke="{OAK_DARK}" stroke-width="6" stroke-linecap="round"/></g>',
        None,
        False,
    ),
    Drawing(  # Linen notebook
        f'<g transform="rotate(-7 200 180)"><rect x="112" y="66" width="184" height="232" rx="8" fill="{WHITE}"/><rect x="104" y="60" width="184" height="232" rx="8" fill="{FOREST}"/><rect x="104" y="60" width="30" height="232" rx="8" fill="{INK}" opacity=".25"/>'
        f'<rect x="164" y="104" width="94" height="54" rx="3" fill="{CREAM}"/><path d="M180 124h62M180 138h40" stroke="{STEEL_DARK}" stroke-width="4" stroke-linecap="round"/><path d="M264 60v232" stroke="{OCHRE}" stroke-width="8"/><path d="M214 292v26l9-8 9 8v-26z" fill="{CLAY}"/></g>',
        None,
        False,
    ),
    Drawing(  # Cork board
        f'<rect x="68" y="66" width="264" height="216" rx="8" fill="{OAK}"/><rect x="80" y="78" width="240" height="192" rx="3" fill="#dcb98a"/>'
        f'<g fill="{OAK_DARK}" opacity=".4"><circle cx="110" cy="240" r="3"/><circle cx="180" cy="104" r="3"/><circle cx="296" cy="200" r="3"/><circle cx="220" cy="250" r="3"/><circle cx="300" cy="110" r="3"/><circle cx="160" cy="252" r="3"/></g>'
        f'<rect x="102" y="104" width="74" height="92" fill="{WHITE}" transform="rotate(-5 139 150)"/><path d="M116 134l44-4M117 148l44-4M118 162l30-3" stroke="{STEEL}" stroke-width="4"/>'
        f'<rect x="204" y="98" width="84" height="64" fill="{SKY}" transform="rotate(4 246 130)"/><path d="M208 158l24-34 18 20 12-14 22 34z" fill="{NIGHT}"/>'
        f'<rect x="206" y="184" width="64" height="58" fill="{OCHRE}" transform="rotate(-3 238 213)"/><circle cx="138" cy="106" r="8" fill="{CLAY}"/><circle cx="248" cy="102" r="8" fill="{RUST}"/><circle cx="236" cy="190" r="8" fill="{FOREST}"/>',
        None,
        False,
    ),
    Drawing(  # Desk lamp, mini
        f'<path d="M112 158l-54 142h176l-50-118z" fill="{GLOW}" opacity=".42"/>'
        f'<path d="M246 288l46-94-96-78" fill="none" stroke="{CHARCOAL}" stroke-width="9" stroke-linejoin="round" stroke-linecap="round"/><circle cx="292" cy="194" r="10" fill="{BRASS}"/>'
        f'<path d="M104 156c0-46 34-76 82-64l24 20-32 76z" fill="{CLAY}"/><path d="M186 92l24 20-32 76-24-10c24-20 34-52 32-86z" fill="{RUST}" opacity=".7"/><path d="M108 158l72 28" stroke="{GLOW}" stroke-width="9" stroke-linecap="round"/>'
        f'<path d="M194 300c0-10 20-16 52-16s52 6 52 16z" fill="{CHARCOAL}"/>',
        (246, 62),
    ),
    Drawing(  # Card holder
        f'<rect x="128" y="82" width="144" height="150" rx="8" fill="{WHITE}" transform="rotate(-6 200 160)"/><rect x="138" y="96" width="144" height="150" rx="8" fill="{SKY}" transform="rotate(3 210 170)"/><rect x="124" y="112" width="148" height="150" rx="8" fill="{CREAM}"/>'
        f'<path d="M144 140h70M144 158h46" stroke="{STEEL_DARK}" stroke-width="6" stroke-linecap="round"/>'
        f'<path d="M98 190h204v92c0 10-8 18-18 18H116c-10 0-18-8-18-18z" fill="{WALNUT}"/><path d="M98 190h68c0 22 14 34 34 34s34-12 34-34h68v20h-54c-8 22-26 32-48 32s-40-10-48-32H98z" fill="{INK}" opacity=".25"/><path d="M110 288h180" stroke="{OAK}" stroke-width="3" stroke-dasharray="8 6"/>',
        (200, 104),
    ),
    Drawing(  # Monitor stand
        f'<rect x="92" y="56" width="216" height="138" rx="10" fill="{CHARCOAL}"/><rect x="102" y="66" width="196" height="118" rx="4" fill="{NIGHT}"/><path d="M102 160l52-46 40 34 32-24 72 58v-2c0 2-2 4-4 4H106c-2 0-4-2-4-4z" fill="{SAGE}"/><circle cx="252" cy="98" r="14" fill="{OCHRE}"/>'
        f'<path d="M186 194h28l6 36h-40z" fill="{STEEL_DARK}"/><rect x="148" y="226" width="104" height="10" rx="5" fill="{STEEL}"/>'
        f'<rect x="56" y="236" width="288" height="18" rx="4" fill="{OAK}"/><rect x="56" y="250" width="288" height="5" fill="{OAK_DARK}"/><path d="M76 254h22v46H76zM302 254h22v46h-22z" fill="{OAK_DARK}"/><rect x="132" y="284" width="136" height="14" rx="5" fill="{LINEN}"/>',
        (200, 144),
    ),
    Drawing(  # Paper clip dish
        f'<ellipse cx="200" cy="242" rx="126" ry="50" fill="{OAK_DARK}"/><ellipse cx="200" cy="228" rx="126" ry="50" fill="{OAK}"/><ellipse cx="200" cy="226" rx="104" ry="38" fill="{WALNUT}"/>'
        f'<g fill="none" stroke-width="6" stroke-linecap="round"><path d="M140 214l42-16c14-5 20 14 6 19l-46 16c-8 3-12-9-4-12l36-13" stroke="{BRASS}"/><path d="M206 236l44-10c14-3 18 16 4 19l-46 10c-9 2-12-10-3-12l38-8" stroke="{STEEL}"/><path d="M216 200l34 12c13 5 7 22-6 17l-36-13c-8-3-4-14 4-11l28 10" stroke="{CLAY}"/><path d="M152 242l30 4" stroke="{BRASS}"/></g>',
        None,
    ),
]
