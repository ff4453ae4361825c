"""The archive: every event that counted, as it counted, in BigQuery or in files of newline-delimited JSON.

From it every document can be made again. What a row is (record.py), how lines and folders of them are read
and written (lines.py, folder.py, bigquery.py), and the command `evermail archive` live here. The job's side
of it, which writes and reads archives at scale, is in pipeline/archive*.py and pipeline/read_archive.py.
"""

from evermail.archive.location import Folder, Table, location
from evermail.archive.record import Row, Unreadable, Verdict, event_of, row_of

__all__ = ["Folder", "Row", "Table", "Unreadable", "Verdict", "event_of", "location", "row_of"]
