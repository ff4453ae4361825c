"""HTTP entry points of Evermail, for functions-framework and Cloud Functions (2nd generation).

docs/functions.md says how to use them: parameters, tokens, variables, and each by curl.

Each entry point is a thin layer round the domain in `evermail`:

- `recommendations` answers an opened email with JSON for `amp-list` (recommendations.py, amp_cors.py).
- `trending` answers everybody and every cache alike (trending.py).
- `slot_image` and `slot_click` are a slot's picture and link, for clients without AMP (slot_image.py,
  slot_click.py, picture/).
- `wishlist`, `feedback` and `unsubscribe` take the forms of an email (forms.py, unsubscribe_page.py).
- `collect` takes a shop's events and puts them on the events topic (collect.py, incoming*.py, publisher.py).
- `evermail_js` serves the client that sends them from a shop's pages (client/).
- `privacy` exports and erases one person, for a shop's own servers (privacy.py, callers.py, audit.py).
- `healthz` and `readyz` say whether an instance lives, and whether it can work (health.py).
- `openapi` serves the description of all of these (openapi/).
- `evermail` is all of these in one, each under its path (router.py).

All entry points live in one source, `functions/main.py`; `entry.py` is the way every request takes, and
`parts.py` what the endpoints of one process share.

How it is deployed
------------------
The archive has the repository's two packages and, at its root, a copy of `functions/main.py`:

    main.py             copy of functions/main.py: Cloud Functions looks for the entry points here
    requirements.txt    copy of functions/requirements.txt
    functions/          this package
    evermail/           the domain

`main.py` imports only by absolute names (`from functions...`, `from evermail...`), and the framework
puts the archive's root on the path, so the same file is `main` in the cloud and `functions.main` here.
On one machine it also serves in place, from the root of the repository:

    functions-framework --target evermail --source functions/main.py --port 8081
"""
