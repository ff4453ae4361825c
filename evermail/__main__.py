"""`python -m evermail`, where the console script is not on the path."""

from evermail.cli import main

main()
