"""For outside."""

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
    OAK,
    OAK_DARK,
    OCHRE,
    RUST,
    SAGE,
    STEEL,
    STEEL_DARK,
    WALNUT,
    WHITE,
    Drawing,
)

DRAWINGS = [
    Drawing(  # Terracotta planter
        f'<path d="M200 200c-8-60-50-84-92-84 4 44 40 78 92 84zM200 200c8-70 50-100 96-102-4 52-42 92-96 102zM200 200c-22-50-18-104 8-148 24 48 22 102-8 148z" fill="{LEAF}"/>'
        f'<path d="M200 200c-14-50-10-104 8-148 8 16 12 32 14 48-4 40-12 72-22 100zM108 116c42 0 84 24 92 84-30-40-60-66-92-84zM296 98c-46 2-88 32-96 102 30-50 60-82 96-102z" fill="{MOSS}"/>'
        f'<path d="M122 208h156l-20 76c-3 10-10 16-20 16h-76c-10 0-17-6-20-16z" fill="{CLAY}"/><path d="M234 208h44l-20 76c-3 10-10 16-20 16h-20c10-30 16-60 16-92z" fill="{RUST}" opacity=".6"/><rect x="110" y="190" width="180" height="28" rx="6" fill="{RUST}"/>',
        (200, 76),
    ),
    Drawing(  # Zinc watering can
        f'<path d="M226 168c70-90 108 60 26 92" fill="none" stroke="{STEEL_DARK}" stroke-width="12"/>'
        f'<path d="M150 248L74 168l14-14 78 66z" fill="{STEEL_DARK}"/><path d="M48 172l44-44 14 20-38 36z" fill="{STEEL}"/>'
        f'<path d="M142 168h108l16 132H126z" fill="{STEEL}"/><path d="M218 168h32l16 132h-42c4-44 2-90-6-132z" fill="{STEEL_DARK}" opacity=".6"/>'
        f'<path d="M138 190h116M132 262h128" stroke="{STEEL_DARK}" stroke-width="5"/><ellipse cx="196" cy="168" rx="54" ry="12" fill="{CHARCOAL}" opacity=".7"/><path d="M150 160c10-40 82-40 92 0" fill="none" stroke="{STEEL_DARK}" stroke-width="8"/>',
        (196, 82),
    ),
    Drawing(  # Folding bistro chair
        f'<path d="M134 88l92 212M262 88l-92 212" stroke="{FOREST}" stroke-width="10" stroke-linecap="round" transform="translate(2 0)"/>'
        f'<path d="M136 84h128M144 108h112M152 132h92" stroke="{SAGE}" stroke-width="15" stroke-linecap="round"/>'
        f'<path d="M118 206h164l14 18H104z" fill="{SAGE}"/><path d="M104 224h192v10H104z" fill="{FOREST}"/><path d="M124 234l-20 66M276 234l20 66" stroke="{FOREST}" stroke-width="9" stroke-linecap="round"/><path d="M114 274h172" stroke="{FOREST}" stroke-width="6"/>',
        (200, 104),
    ),
    Drawing(  # Herb scissors
        f'<g transform="rotate(24 200 180)"><path d="M190 190L176 44c-2-12 10-14 14-2l26 140zM210 190l14-146c2-12-10-14-14-2l-26 140z" fill="{STEEL}"/><path d="M210 190l14-146c2-12-10-14-14-2l-12 66z" fill="{STEEL_DARK}"/>'
        f'<circle cx="200" cy="186" r="9" fill="{BRASS}"/><path d="M196 196c-30 10-62 44-50 78s62 20 58-18zM204 196c30 10 62 44 50 78s-62 20-58-18z" fill="none" stroke="{FOREST}" stroke-width="15" stroke-linejoin="round"/></g>'
        f'<path d="M70 290c30-60 50-100 40-170" fill="none" stroke="{MOSS}" stroke-width="4"/><g fill="{LEAF}"><ellipse cx="96" cy="236" rx="20" ry="9" transform="rotate(20 96 236)"/><ellipse cx="84" cy="190" rx="20" ry="9" transform="rotate(-24 84 190)"/><ellipse cx="128" cy="192" rx="20" ry="9" transform="rotate(-40 128 192)"/><ellipse cx="92" cy="146" rx="18" ry="8" transform="rotate(16 92 146)"/><ellipse cx="124" cy="134" rx="18" ry="8" transform="rotate(-50 124 134)"/></g>',
        None,
        False,
    ),
    Drawing(  # Fire bowl
        f'<path d="M200 66c36 44 66 66 58 116-4 26-24 40-58 40s-54-14-58-40c-4-28 10-44 22-60 4 14 8 20 16 24 0-30 4-54 20-80z" fill="{CLAY}"/>'
        f'<path d="M204 124c20 28 36 42 30 70-4 18-16 26-34 26s-32-8-34-26c-2-16 6-26 12-34 4 8 8 10 12 12 0-18 4-32 14-48z" fill="{OCHRE}"/><path d="M202 172c10 14 14 20 12 32-2 10-8 14-14 14s-12-4-14-14 8-20 16-32z" fill="{CREAM}"/>'
        f'<path d="M134 206l52 26M266 206l-52 26" stroke="{WALNUT}" stroke-width="16" stroke-linecap="round"/>'
        f'<path d="M88 212h224c-6 44-50 68-112 68S94 256 88 212z" fill="{CHARCOAL}"/><path d="M240 212h72c-6 44-50 68-112 68 24-18 38-40 40-68z" fill="{INK}"/><path d="M140 268l-18 32M260 268l18 32" stroke="{INK}" stroke-width="10" stroke-linecap="round"/><rect x="80" y="204" width="240" height="14" rx="7" fill="{RUST}"/>',
        (200, 100),
    ),
    Drawing(  # Bird feeder
        f'<path d="M200 0v84" stroke="{INK}" stroke-width="4"/><path d="M104 148l96-70 96 70z" fill="{RUST}"/><path d="M200 78l96 70h-52z" fill="{INK}" opacity=".2"/>'
        f'<rect x="134" y="148" width="132" height="108" fill="{CREAM}" opacity=".85"/><path d="M134 190c40-14 92 10 132-4v70H134z" fill="{OCHRE}"/>'
        f'<path d="M134 148h12v108h-12zM254 148h12v108h-12z" fill="{OAK_DARK}"/><rect x="104" y="252" width="192" height="18" rx="4" fill="{OAK}"/>'
        f'<path d="M296 216c22-2 34 10 34 24 0 12-10 18-26 18h-34c8-10 14-36 26-42z" fill="{FOREST}"/><circle cx="322" cy="214" r="15" fill="{FOREST}"/><path d="M336 210l15 5-15 5z" fill="{OCHRE}"/><circle cx="326" cy="210" r="2.5" fill="{WHITE}"/><path d="M300 236l-46 8 40 10z" fill="{MOSS}"/>',
        None,
        False,
    ),
    Drawing(  # Garden lantern
        f'<circle cx="200" cy="200" r="104" fill="#ffe9b0" opacity=".35"/><circle cx="200" cy="70" r="22" fill="none" stroke="{OAK_DARK}" stroke-width="7"/>'
        f'<path d="M134 128c14-30 118-30 132 0z" fill="{MOSS}"/><path d="M144 128h112c26 50 26 108 0 156H144c-26-48-26-106 0-156z" fill="{WHITE}" opacity=".75"/>'
        f'<path d="M180 212h40v72h-40z" fill="{CREAM}"/><path d="M200 168c16 22 12 36 0 40-12-4-16-18 0-40z" fill="{OCHRE}"/>'
        f'<g fill="none" stroke="{OAK}" stroke-width="5"><path d="M144 128c-26 50-26 108 0 156M172 128c-12 50-12 108 0 156M228 128c12 50 12 108 0 156M256 128c26 50 26 108 0 156M128 178h144M126 236h148"/></g><rect x="130" y="282" width="140" height="18" rx="6" fill="{MOSS}"/>',
        (200, 84),
    ),
    Drawing(  # Hammock
        f'<path d="M46 40v260M354 40v260" stroke="{OAK_DARK}" stroke-width="14" stroke-linecap="round"/>'
        f'<path d="M46 90l54 56M46 90l46 84M354 90l-54 56M354 90l-46 84" stroke="{LINEN}" stroke-width="4"/>'
        f'<ellipse cx="130" cy="158" rx="40" ry="17" fill="{FOREST}" transform="rotate(32 130 158)"/>'
        f'<path d="M88 142c50 74 174 74 224 0 4 90-52 136-112 136S84 232 88 142z" fill="{CLAY}"/><path d="M88 142c50 74 174 74 224 0v20c-54 66-170 66-224 0z" fill="{CREAM}"/>'
        f'<path d="M92 186c54 60 162 60 216 0M104 220c54 44 138 44 192 0" fill="none" stroke="{OCHRE}" stroke-width="9"/><path d="M128 258l-4 20M152 270l-3 20M176 276l-1 20M200 278v20M224 276l1 20M248 270l3 20M272 258l4 20" stroke="{CREAM}" stroke-width="4" stroke-linecap="round"/>',
        None,
    ),
]
