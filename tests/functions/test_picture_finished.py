"""A card is drawn once for all who are shown it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from functions.picture import Card, Look
from functions.picture.finished import CAPACITY, Finished
from functions.picture.look import MAX_BYTES

LOOK = Look()


class Drawing:
    """Draws what tells cards apart, and counts."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.times = 0
        self._finished = Finished(self._draw, capacity=capacity)

    def _draw(self, card: Card, photo: bytes | None, look: Look) -> bytes:
        self.times += 1
        return self.of(card, photo, look)

    @staticmethod
    def of(card: Card, photo: bytes | None, look: Look) -> bytes:
        return repr((card, photo, look)).encode()

    def __call__(self, title: str, photo: bytes | None = None, look: Look = LOOK) -> bytes:
        return self._finished.card(Card(title, "€1"), photo, look)


def test_the_same_card_is_drawn_once() -> None:
    draw = Drawing()
    assert draw("Lamp", b"photo") == draw("Lamp", b"photo")
    assert draw.times == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Lamp", "Moon"]),
            st.sampled_from([None, b"", b"a photo", b"another"]),
            st.sampled_from([LOOK, Look(200, 280, 1)]),
        ),
        max_size=20,
    )
)
def test_each_is_what_it_would_be_drawn_as(asked: list[tuple[str, bytes | None, Look]]) -> None:
    draw = Drawing()
    for title, photo, look in asked:
        assert draw(title, photo, look) == Drawing.of(Card(title, "€1"), photo, look)
    assert draw.times == len(set(asked))


def test_the_one_that_nobody_has_asked_for_longest_goes_first() -> None:
    draw = Drawing(capacity=2)
    for title in ("A", "B", "A", "C", "A"):
        draw(title)
    assert draw.times == 3
    draw("B")
    assert draw.times == 4


def test_all_of_them_fit_into_a_small_instance() -> None:
    assert CAPACITY * MAX_BYTES <= 10_000_000
