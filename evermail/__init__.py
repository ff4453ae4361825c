"""The domain of Evermail in plain Python.

Events, stored documents, interests, ranking, tokens and stores live here. Nothing in this
package imports Apache Beam or Flask: the pipeline and the functions are thin layers round it.
"""

__version__ = "0.1.0"
