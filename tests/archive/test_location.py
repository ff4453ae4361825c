"""Where an archive is."""

from __future__ import annotations

import pickle

import pytest

from evermail.archive.location import Folder, Table, location


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("bigquery:shop-1.events.archive", Table("shop-1", "events", "archive")),
        ("bigquery:example.com:shop-1.events.archive", Table("example.com:shop-1", "events", "archive")),
        ("gs://shop-archive", Folder("gs://shop-archive")),
        ("gs://shop-archive/events/", Folder("gs://shop-archive/events")),
        ("archive/", Folder("archive")),
        ("/srv/archive", Folder("/srv/archive")),
        ("/", Folder("/")),
    ],
)
def test_a_url_names_a_table_or_a_folder(url: str, place: Table | Folder) -> None:
    assert location(url) == place
    assert pickle.loads(pickle.dumps(place)) == place


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "bigquery:",
        "bigquery:events.archive",
        "bigquery:shop-1.events.archive.more",
        "bigquery:shop-1.events.a`; DROP TABLE x",
        "bigquery:shop-1.ev-ents.archive",
        "gs://",
        "gs:archive",
        "s3://bucket/archive",
        "BIGQUERY:shop-1.events.archive",
    ],
)
def test_anything_else_is_refused_with_what_was_expected(url: str) -> None:
    with pytest.raises(ValueError, match=r"bigquery:PROJECT\.DATASET\.TABLE or a folder"):
        location(url)


def test_a_folder_in_cloud_storage_is_not_local() -> None:
    assert Folder("archive").is_local
    assert not Folder("gs://bucket").is_local
