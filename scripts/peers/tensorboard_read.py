"""What TensorBoard's two readers see in a folder of runs, as JSON: scalars, histograms, texts and images by run and tag, and what its
plugins of hyper-parameters and graphs make of them.

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

from google.protobuf import text_format
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.compat.proto import graph_pb2
from tensorboard.data import server_ingester
from tensorboard.plugins import base_plugin
from tensorboard.plugins.graph import graphs_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups
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
    return {**runs, "plugins": {"hparams": hparams_of(provider, ctx), "graphs": graphs_of(provider, ctx)}}


def hparams_of(provider, ctx):
    """The table of the plugin: a row for each run, and the columns that differ or not."""
    backend = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = api_pb2.GetExperimentRequest(experiment_name="")
    described = get_experiment.Handler(ctx, backend, "", request).run()
    asked = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING],
        slice_size=1000,
    )
    rows = {}
    for group in list_session_groups.Handler(ctx, backend, "", asked).run().session_groups:
        values = {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()}
        status = [api_pb2.Status.Name(session.status) for session in group.sessions]
        rows[group.name] = {"hparams": values, "status": status}
    return {"columns": sorted(info.name for info in described.hparam_infos), "rows": rows}


def graphs_of(provider, ctx):
    """The graph of each run that has one, as the plugin sends it to its page."""
    plugin = graphs_plugin.GraphsPlugin(base_plugin.TBContext(data_provider=provider))
    found = {}
    for run, info in plugin.info_impl(ctx, "").items():
        if info["run_graph"]:
            text, _ = plugin.graph_impl(ctx, run, None, False, "")
            graph = graph_pb2.GraphDef()
            text_format.Parse(text, graph)
            found[run] = [[node.name, node.op, list(node.input)] for node in graph.node]
    return found


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
plugins = {name: reader.pop("plugins") for name, reader in seen.items()}
print(json.dumps({**seen, "plugins": plugins}))
