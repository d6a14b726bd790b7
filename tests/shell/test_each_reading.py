"""What is made of each reading: once per reading, in order, and in the file as json writes it."""

from __future__ import annotations

import json
from pathlib import Path

from controller.core.readings import Reading, ReadingState, SignalKey
from controller.shell.each_reading import EachReading
from controller.shell.readings_file import FILE, ReadingsFile

A, B, C = (SignalKey(name, (("arm", "primary"),), 5.0) for name in "abc")


def ok(value: float, note: str = "") -> Reading:
    return Reading(value, ReadingState.OK, 20, 0.0, 5.0, note)


def test_is_made_again_only_where_the_reading_is_another() -> None:
    asked: list[str] = []

    def make(key: SignalKey, reading: Reading) -> str:
        asked.append(key.name)
        return f"{key.name}{reading.value:g}"

    each = EachReading(make)
    kept = ok(1.0)
    assert each.of({B: ok(2.0), A: kept}) == ["a1", "b2"]
    assert each.of({B: ok(3.0), A: kept}) == ["a1", "b3"]
    assert each.of({C: ok(4.0), A: kept}) == ["a1", "c4"], "b is gone and c has come"
    assert each.of({A: kept}) == ["a1"]
    assert asked == ["a", "b", "b", "c"]


def test_the_file_is_what_json_writes(tmp_path: Path) -> None:
    readings = {
        B: ok(0.1),
        A: ok(1e300, 'half "é"\n'),
        C: Reading(None, ReadingState.IDLE, 0, 0, 5),
    }
    ReadingsFile(tmp_path).write(7.0, readings, {"holder": "é", "epoch": None})
    expected = [
        {
            "signal": str(key),
            "value": reading.value,
            "state": reading.state.value,
            "sample_size": reading.sample_size,
            "note": reading.note,
        }
        for key, reading in sorted(readings.items())
    ]
    document = {"holder": "é", "epoch": None, "at_s": 7.0, "readings": expected}
    assert (tmp_path / FILE).read_text() == json.dumps(document)
