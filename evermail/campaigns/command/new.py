"""`evermail campaign new`: a folder to begin a campaign in."""

from __future__ import annotations

from pathlib import Path

import typer

from evermail.campaigns.command.options import ending
from evermail.shelf.store_option import WRONG_USE

_FOLDER = typer.Argument(metavar="FOLDER", help="The folder to make.", show_default=False)

BRAND = """\
# What makes the emails your own. Each mistake is told with its line when an email is built.

name: Alder & Pine
shop_url: https://shop.example/        # where the logo leads
address: 12 Mill Lane, Bristol BS1 4ND, United Kingdom  # bulk mail must carry a postal address

locale: en_GB                          # how dates and prices are written
currency: EUR                          # what prices are in (ISO 4217)

# Without a logo, the name is set in type. It must be https; sizes are in CSS pixels.
# logo_url: https://shop.example/logo.png
# logo_width: 140
# logo_height: 32

# Colours for light and dark mode; of each group, say what is to be different. Text and its background need a
# contrast of 4.5 (evermail campaign check measures it).
# light:
#   accent: "#23523f"                  # buttons and links
#   on_accent: "#ffffff"               # the text of a button
#   canvas: "#f3f1ec"                  # round the sheet
#   paper: "#ffffff"                   # the sheet
#   ink: "#1d2320"                     # text on it
#   muted: "#626862"                   # secondary text
#   line: "#e6e2da"                    # hairlines
# dark:                                # of the HTML part; mail clients show AMP in light colours only
#   accent: "#a9d3bd"

# Lists of fonts, the last of them serif, sans-serif or monospace: a reader sees the first that is there.
# fonts:
#   heading: "Georgia, 'Times New Roman', serif"
#   body: "'Helvetica Neue', Helvetica, Arial, sans-serif"

# What stands above the address and the link to unsubscribe.
# footer:
#   text: You get this email because you asked for news in our shop.
#   links:
#     - label: Privacy
#       url: https://shop.example/privacy
"""

AUDIENCE = """\
email,user_id,first_name,item_id
mara@example.com,crm-1001,Mara,KETTLE-02
jonas@example.com,crm-1002,Jonas,LAMP-03
"""

README = """\
# A campaign

`brand.yaml` is what your shop looks like, `audience.csv` whom the email goes to. Both are examples: put yours
in their place.

Columns of `audience.csv`: `email`; who that is to your shop's events, as `user_id` or `client_id`;
`first_name`, if emails greet by it; `item_id`, what the email is about (a cart, a product that is back):
several are separated by spaces. Other columns are let be.

In the shell, with what your engineers gave you:

    export EVERMAIL_FUNCTIONS_URL=https://live.shop.example  # where live answers come from
    export EVERMAIL_TOKEN_KEYS=...                           # secrets of the links: those of the functions
    export EVERMAIL_PSEUDONYM_KEYS=...                       # those that user_id is made a pseudonym with
    export EVERMAIL_STORE=firestore://my-shop                # products, and who has unsubscribed

1. Look at an email, `look/message.eml` in a mail program or `look/email.html` in a browser:

       evermail campaign export recommended_for_you --esp smtp --brand brand.yaml --out look

2. Build it for your mail service, here Klaviyo; `evermail campaign build --help` lists them all:

       evermail campaign build recommended_for_you --esp klaviyo --brand brand.yaml \\
         --from hello@shop.example --out built

3. Check it: `evermail campaign check --help` says how.
4. Do what `built/STEPS.md` says.
"""

FILES = {"brand.yaml": BRAND, "audience.csv": AUDIENCE, "README.md": README}


def new(folder: Path = _FOLDER) -> None:
    """Make a folder to begin in: a brand to fill in, an audience, and the steps from here.

    \b
    Example:
      evermail campaign new autumn
    """
    end = ending("new")
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        end(f"{folder / there[0]} is there already; name another folder", WRONG_USE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in FILES.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as problem:
        end(f"{problem.filename or folder} cannot be written: {problem.strerror}", WRONG_USE)
    print(f"{folder}: {', '.join(FILES)}; begin with {folder / 'README.md'}")
