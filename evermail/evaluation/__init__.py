"""Offline measures of recommendation quality, on sessions of a shop that are kept in files.

A session stands for a shopper: what is learned from training sessions is asked for the next item after each
item of the test sessions. Nothing here runs in production; it needs NumPy (`pip install evermail[evaluate]`).
"""
