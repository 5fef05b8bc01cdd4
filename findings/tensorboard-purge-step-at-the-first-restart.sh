#!/usr/bin/env bash
# TensorBoard 2.21.0, written by tensorboardX 2.6.5: SummaryWriter(purge_step=6), which is for a run that goes on from step 6 after it was killed at
# step 10, purges nothing the first time. The reader in Python that the page uses (plugin_event_accumulator) takes the first start of a session
# that it meets in a folder for no restart, and a writer without purge_step writes none: steps 6 to 10 are there twice. Where a start was written
# into the first file too, each is there once.
# The fast reader (tensorboard-data-server 0.7.2) is not asked here; it drops points by itself when their steps come again.
# Needs Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet tensorboard==2.21.0 tensorboardX==2.6.5 numpy==2.4.6
cat > seen.py <<'P'
import sys
import time

from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter


def write(first, last, **options):
    with SummaryWriter(sys.argv[1], **options) as writer:
        for step in range(first, last + 1):
            writer.add_scalar("loss", 1 / step, step)
    # Names of files have the second in which they were begun.
    time.sleep(1.1)


write(1, 10, **({"purge_step": 0} if sys.argv[2:] == ["start"] else {}))
write(6, 12, purge_step=6)
accumulator = EventAccumulator(sys.argv[1])
accumulator.Reload()
print(*[point.step for point in accumulator.Tensors("loss")])
P
plain=$(venv/bin/python seen.py plain 2> /dev/null)
started=$(venv/bin/python seen.py started start 2> /dev/null)
echo "tensorboard 2.21.0, tensorboardX 2.6.5: steps of a run that went on from step 6"
echo "  purge_step at the restart alone: $plain"
echo "  a start in the first file too:   $started"
[ "$plain" = "1 2 3 4 5 6 7 8 9 10 6 7 8 9 10 11 12" ] && [ "$started" = "1 2 3 4 5 6 7 8 9 10 11 12" ]
