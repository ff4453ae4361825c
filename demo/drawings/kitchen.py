"""Pots, boards and mills."""

# ruff: noqa: E501 (paths are not prose)

from demo.drawings import (
    BRASS,
    CHARCOAL,
    CLAY,
    COPPER,
    CREAM,
    FOREST,
    INK,
    LINEN,
    MOSS,
    OAK,
    OAK_DARK,
    RUST,
    SAGE,
    SKY,
    STONE,
    WALNUT,
    WHITE,
    Drawing,
)

DRAWINGS = [
    Drawing(  # Ridge pour-over set
        f'<path d="M148 176h104l22 98c3 14-6 26-20 26H146c-14 0-23-12-20-26z" fill="{WHITE}" opacity=".75"/>'
        f'<path d="M136 234h128l10 42c2 14-6 24-20 24H146c-14 0-22-10-20-24z" fill="{WALNUT}"/>'
        f'<path d="M262 200c44-6 52 58 8 66" fill="none" stroke="{WHITE}" stroke-width="11"/>'
        f'<rect x="144" y="166" width="112" height="18" rx="7" fill="{OAK}"/>'
        f'<path d="M126 84h148l-48 84h-52z" fill="{CREAM}"/><path d="M222 84h52l-48 84h-20z" fill="{LINEN}"/>'
        f'<path d="M158 92l24 68M200 92v68M242 92l-24 68" stroke="{STONE}" stroke-width="3"/><rect x="116" y="76" width="168" height="12" rx="6" fill="{WHITE}"/>',
        (200, 84),
    ),
    Drawing(  # Stoneware mug, pair
        f'<path d="M272 176c54-4 54 78-4 76" fill="none" stroke="{STONE}" stroke-width="14"/>'
        f'<path d="M178 150h106v122c0 12-8 20-20 20h-66c-12 0-20-8-20-20z" fill="{STONE}"/><ellipse cx="231" cy="150" rx="53" ry="11" fill="{CHARCOAL}" opacity=".65"/>'
        f'<path d="M106 204c-50-4-50 70 2 66" fill="none" stroke="{CREAM}" stroke-width="13"/>'
        f'<path d="M96 182h112v98c0 12-9 20-20 20h-72c-11 0-20-8-20-20z" fill="{CREAM}"/><path d="M96 232h112v48c0 12-9 20-20 20h-72c-11 0-20-8-20-20z" fill="{CLAY}"/>'
        f'<ellipse cx="152" cy="182" rx="56" ry="11" fill="{WALNUT}"/><g fill="{STONE}"><circle cx="122" cy="208" r="2.5"/><circle cx="150" cy="216" r="2"/><circle cx="182" cy="206" r="2.5"/></g>',
        (196, 116),
    ),
    Drawing(  # Oak serving board
        f'<g transform="rotate(-8 200 190)"><path d="M182 40h36c8 0 13 6 13 14v42c0 10 8 16 20 16 18 0 29 11 29 28v132c0 16-12 28-28 28H148c-16 0-28-12-28-28V140c0-17 11-28 29-28 12 0 20-6 20-16V54c0-8 5-14 13-14z" fill="{OAK}"/>'
        f'<g fill="none" stroke="{OAK_DARK}" stroke-width="3" opacity=".6"><path d="M142 130v152M170 118c8 60-6 110 0 180M206 118v180M234 118c-6 70 8 120 0 180M260 134v146"/></g>'
        f'<circle cx="200" cy="64" r="10" fill="#dfe5dc"/></g>',
        None,
        False,
    ),
    Drawing(  # Copper kettle
        f'<path d="M126 168C112 78 288 78 274 168" fill="none" stroke="{INK}" stroke-width="11" stroke-linecap="round"/>'
        f'<path d="M268 250c38-10 34-60 66-84l-20-8c-34 16-40 50-62 56z" fill="{RUST}"/>'
        f'<path d="M108 300c-14-20-18-42-14-64 8-44 50-76 106-76s98 32 106 76c4 22 0 44-14 64z" fill="{COPPER}"/>'
        f'<path d="M214 160c50 4 86 36 92 76 4 22 0 44-14 64h-54c24-40 20-104-24-140z" fill="{RUST}" opacity=".5"/>'
        f'<path d="M122 226c6-22 20-36 40-42" fill="none" stroke="{CREAM}" stroke-width="7" stroke-linecap="round" opacity=".7"/>'
        f'<path d="M158 166c4-14 80-14 84 0z" fill="{RUST}"/><circle cx="200" cy="148" r="10" fill="{BRASS}"/>',
        (200, 112),
    ),
    Drawing(  # Enamel casserole
        f'<path d="M84 204h232v56c0 24-16 40-40 40H124c-24 0-40-16-40-40z" fill="{FOREST}"/>'
        f'<path d="M236 204h80v56c0 24-16 40-40 40h-52c14-22 18-60 12-96z" fill="{INK}" opacity=".25"/>'
        f'<path d="M84 220H60c-14 0-14 26 0 26h24M316 220h24c14 0 14 26 0 26h-24" fill="none" stroke="{FOREST}" stroke-width="12"/>'
        f'<path d="M88 196c6-50 50-68 112-68s106 18 112 68z" fill="{MOSS}"/><path d="M116 178c10-22 30-32 56-36" fill="none" stroke="{CREAM}" stroke-width="6" stroke-linecap="round" opacity=".5"/>'
        f'<rect x="76" y="190" width="248" height="16" rx="8" fill="{FOREST}"/><rect x="178" y="106" width="44" height="24" rx="10" fill="{BRASS}"/>',
        (200, 124),
    ),
    Drawing(  # Linen apron
        f'<path d="M158 66c0-56 84-56 84 0" fill="none" stroke="{WALNUT}" stroke-width="7"/>'
        f'<path d="M156 62h88c2 44 14 68 50 78v152c-60 14-128 14-188 0V140c36-10 48-34 50-78z" fill="{SAGE}"/>'
        f'<path d="M228 62h16c2 44 14 68 50 78v152c-16 4-32 6-48 8 8-90 2-170-18-238z" fill="{MOSS}" opacity=".5"/>'
        f'<path d="M148 196h104v52c0 10-6 16-16 16h-72c-10 0-16-6-16-16z" fill="{MOSS}"/><path d="M148 210h104M200 196v68" stroke="{SAGE}" stroke-width="3"/>'
        f'<path d="M106 150c-26 10-40 30-44 62M294 150c26 10 40 30 44 62" fill="none" stroke="{WALNUT}" stroke-width="6" stroke-linecap="round"/>',
        None,
        False,
    ),
    Drawing(  # Spice mill
        f'<path d="M152 300l14-112c2-16-14-24-14-44h96c0 20-16 28-14 44l14 112z" fill="{WALNUT}"/>'
        f'<path d="M214 144h34c0 20-16 28-14 44l14 112h-28c-6-60-4-110-6-156z" fill="{INK}" opacity=".28"/>'
        f'<path d="M146 138c0-30 24-50 54-50s54 20 54 50z" fill="{OAK}"/><path d="M206 88c28 2 48 22 48 50h-30c0-20-6-38-18-50z" fill="{OAK_DARK}" opacity=".6"/>'
        f'<rect x="146" y="136" width="108" height="12" rx="5" fill="{BRASS}"/><circle cx="200" cy="76" r="15" fill="{BRASS}"/>'
        f'<g fill="{INK}"><circle cx="284" cy="294" r="6"/><circle cx="302" cy="297" r="4"/><circle cx="116" cy="296" r="5"/></g>',
        (200, 62),
    ),
    Drawing(  # Salt cellar
        f'<path d="M110 206h180c0 56-34 94-90 94s-90-38-90-94z" fill="{SKY}"/><path d="M232 206h58c0 56-34 94-90 94 26-24 36-56 32-94z" fill="{INK}" opacity=".16"/>'
        f'<ellipse cx="200" cy="206" rx="90" ry="20" fill="{WHITE}"/><path d="M130 204c14-34 44-46 70-46s56 12 70 46c-40 14-100 14-140 0z" fill="{WHITE}"/>'
        f'<g fill="{STONE}" opacity=".6"><circle cx="178" cy="186" r="3"/><circle cx="206" cy="176" r="3"/><circle cx="228" cy="192" r="3"/></g>'
        f'<path d="M226 190l66-86" stroke="{OAK_DARK}" stroke-width="9" stroke-linecap="round"/><ellipse cx="220" cy="197" rx="19" ry="11" fill="{OAK}" transform="rotate(-50 220 197)"/>',
        (200, 78),
    ),
]
