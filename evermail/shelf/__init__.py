"""The reading side of a shop: what happens between scored candidates and the slots of an email.

Pure functions over documents: what may be shown at all, in which order, and why. Scores come from
`evermail.ranking`, and who reads the documents is `evermail.serving`.
"""
