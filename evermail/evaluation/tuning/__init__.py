"""Searching constants on training sessions: on their tail, after learning from the rest.

No test file can be given: what test cases had a say in does not show how good a model is on them.
"""
