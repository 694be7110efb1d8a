"""The line of progress: what matters most comes first, and nothing is cut in the middle of a number."""

import pytest

from neuroperturb.cli.progress import _progress_line
from neuroperturb.training.progress import Progress

NOW = Progress(epoch=12, epochs=40, step=1, steps=9, loss=0.8128, validation=0.657, rate=15717.0, left=3725.0)


def test_the_time_left_is_in_every_line_that_has_room_for_it():
    assert _progress_line(NOW) == "epoch 12/40  1 h 02 min left  loss 0.813  validation 0.657  15,717 steps/s"
    for room in range(30, 90):
        line = _progress_line(NOW, room)
        assert len(line) <= room and "1 h 02 min left" in line


@pytest.mark.parametrize(
    ("room", "line"),
    [(80 - 8 - 8 - 2, "epoch 12/40  1 h 02 min left  loss 0.813  validation 0.657"), (5, "epoch 12/40")],
)
def test_what_has_no_room_is_left_out_whole(room, line):
    assert _progress_line(NOW, room) == line
