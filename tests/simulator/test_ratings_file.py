"""A malformed ratings file gets one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import BadInput
from simulator.population import from_ratings
from simulator.population.ratings_file import read_ratings

HEADER = "userId,movieId,rating,timestamp\n"


def _written(folder: Path, text: str) -> Path:
    path = folder / "ratings.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the header is ''; 'userId,movieId,rating,timestamp' is accepted"),
        (
            "user,item\n1,2\n",
            ":1: the header is 'user,item'; 'userId,movieId,rating,timestamp' is accepted",
        ),
        (
            HEADER + "1,2,4.0,9\n1,2,4.0\n",
            ":3: has 3 fields; 4 are accepted: userId,movieId,rating,timestamp",
        ),
        (HEADER + "x,2,4.0,9\n", ":2: userId: 'x'; a whole number is accepted"),
        (HEADER + "1,-2,4.0,9\n", ":2: movieId: '-2'; a whole number is accepted"),
        (
            HEADER + "1,2,good,9\n",
            ":2: rating: 'good'; a number above 0, at most 5 is accepted",
        ),
        (HEADER + "1,2,nan,9\n", ":2: rating: 'nan'; a number above 0, at most 5 is accepted"),
        (HEADER + "1,2,6,9\n", ":2: rating: '6'; a number above 0, at most 5 is accepted"),
        (
            HEADER + "1,2,4,soon\n",
            ":2: timestamp: 'soon'; whole seconds since 1970 is accepted",
        ),
        (HEADER + "1,2,4,9\n", ": has 1 ratings; at least 100 are needed"),
        (
            HEADER + "".join(f"{n % 5},{n},4,9\n" for n in range(200)),
            ": has 5 users and 200 items; more than 8 of each are needed",
        ),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(BadInput) as refused:
        from_ratings(path)
    assert str(refused.value) == f"{path}{message}"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.csv: cannot be read: No such file"):
        read_ratings(tmp_path / "nowhere.csv")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(b"\xff\xfe\x00\x01" * 10)
    with pytest.raises(BadInput, match="is not UTF-8 text"):
        read_ratings(path)
