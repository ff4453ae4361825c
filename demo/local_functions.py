"""The functions as the demo runs them: all in one process, each at its path.

Photos may come from this machine, since the demo's shop is here. Anywhere else that is refused.
"""

from __future__ import annotations

from functools import partial

from functions import main
from functions.picture.photos import Photos

main.Photos = partial(Photos, allow_private=True)  # type: ignore[assignment,misc]

evermail = main.evermail
