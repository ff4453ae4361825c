"""The streaming job: Beam transforms round the domain in `evermail`.

`job.py` holds the whole graph on one page; each other file holds one transform.
"""
