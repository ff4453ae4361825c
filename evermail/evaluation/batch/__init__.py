"""The served model in NumPy, for what calls for it hundreds of times: the search for its constants.

`learning` makes the rows that the stream makes, `ranking` the scores that an opened email has. Tests compare
both with the code that runs in production, which `evermail evaluate` measures.
"""
