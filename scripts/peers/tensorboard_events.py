"""Writes an event file of scalars, by the writer that comes with TensorBoard itself: steps from 1 on, four tags.

    python scripts/peers/tensorboard_events.py FOLDER STEPS
Prints TensorBoard's version. Needs tensorboard of PyPI (tried: 2.21.0).
"""

import sys

from tensorboard import version
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

folder, steps = sys.argv[1], int(sys.argv[2])
writer = EventFileWriter(folder)
for step in range(1, steps + 1):
    tags = ("loss", "learningRate", "gradientNorm", "examplesPerSecond")
    values = [Summary.Value(tag=tag, simple_value=2 / step) for tag in tags]
    writer.add_event(Event(wall_time=1_795_888_176 + step, step=step, summary=Summary(value=values)))
writer.close()
print(version.VERSION)
