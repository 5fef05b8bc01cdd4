"""What TensorBoard's two readers see in a folder of runs, as JSON: scalars, histograms, texts and images by run and tag.

    python scripts/peers/tensorboard_read.py FOLDER [COMMAND ...]
With a command, after it has run, by the readers that had read what was there before.
Needs tensorboard and tensorboard-data-server of PyPI (tried: 2.21.0 and 0.7.2).
"""

import base64
import contextlib
import json
import math
import subprocess
import sys
import time

from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.data import server_ingester
from tensorboard.util import grpc_util


def plain(value):
    return value if math.isfinite(value) else str(value)


def seen_by(provider):
    ctx = context.RequestContext()
    runs = {}
    for run, tags in provider.read_scalars(ctx, experiment_id="", plugin_name="scalars", downsample=10000).items():
        for tag, points in tags.items():
            runs.setdefault(run, {}).setdefault("scalars", {})[tag] = [[p.step, plain(p.value)] for p in points]
    for plugin, name in (("histograms", "histograms"), ("text", "texts")):
        found = provider.read_tensors(ctx, experiment_id="", plugin_name=plugin, downsample=10000)
        for run, tags in found.items():
            for tag, points in tags.items():
                runs.setdefault(run, {}).setdefault(name, {})[tag] = [
                    [p.step, p.numpy.shape[0] if name == "histograms" else p.numpy.ravel()[0].decode()] for p in points
                ]
    images = provider.read_blob_sequences(ctx, experiment_id="", plugin_name="images", downsample=10000)
    described = provider.list_blob_sequences(ctx, experiment_id="", plugin_name="images")
    for run, tags in images.items():
        for tag, points in tags.items():
            # Width and height come first, as texts.
            blobs = [provider.read_blob(ctx, blob_key=value.blob_key) for value in points[-1].values]
            seen = [blobs[0].decode(), blobs[1].decode(), base64.b64encode(blobs[2]).decode()]
            runs.setdefault(run, {}).setdefault("images", {})[tag] = [*seen, described[run][tag].description]
    return runs


def readers(folder):
    """Functions that read what is new, and tell all that they know."""
    multiplexer = plugin_event_multiplexer.EventMultiplexer(size_guidance={"scalars": 0, "tensors": 0})
    ingester = server_ingester.SubprocessServerDataIngester(
        server_binary=server_ingester.get_server_binary(),
        logdir=folder,
        reload_interval=1,
        channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
        samples_per_plugin={"scalars": 10000, "tensors": 10000},
    )
    ingester.start()

    def python():
        multiplexer.AddRunsFromDirectory(folder)
        multiplexer.Reload()
        return seen_by(data_provider.MultiplexerDataProvider(multiplexer, folder))

    def fast():
        time.sleep(2)
        return seen_by(ingester.data_provider)

    return {"python": python, "fast": fast}


folder, *command = sys.argv[1:]
with contextlib.redirect_stdout(sys.stderr):
    read = readers(folder)
    seen = {name: reader() for name, reader in read.items()}
    if command:
        subprocess.run(command, check=True, stdout=sys.stderr)
        seen = {name: reader() for name, reader in read.items()}
print(json.dumps(seen))
