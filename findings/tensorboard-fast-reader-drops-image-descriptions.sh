#!/usr/bin/env bash
# TensorBoard 2.21.0 with tensorboard-data-server 0.7.2: the description of an image that is written as a simple value (Summary.Value.image, as
# tensorboardX and PyTorch write images) is kept by the reader in Python and dropped by the fast reader, which is the usual one. Both keep
# that of an image that is a tensor of texts (width, height, PNG). So a caption is there or not, by the reader.
# Needs Python 3.11 or later with venv. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet tensorboard==2.21.0 tensorboard-data-server==0.7.2 setuptools==80.9.0
cat > seen.py <<'P'
import base64
import sys

from tensorboard import context
from tensorboard.backend.event_processing import data_ingester
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.data import server_ingester
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import grpc_util

# One red pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def metadata(caption):
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="images")
    return summary_pb2.SummaryMetadata(plugin_data=plugin, summary_description=caption)


def write(folder):
    simple = summary_pb2.Summary.Image(height=1, width=1, colorspace=3, encoded_image_string=PNG)
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=3)])
    texts = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=shape, string_val=[b"1", b"1", PNG])
    values = [
        summary_pb2.Summary.Value(tag="simple", image=simple, metadata=metadata("of the simple value")),
        summary_pb2.Summary.Value(tag="tensor", tensor=texts, metadata=metadata("of the tensor")),
    ]
    writer = EventFileWriter(folder + "/run")
    writer.add_event(event_pb2.Event(wall_time=1, step=0, summary=summary_pb2.Summary(value=values)))
    writer.close()


class Flags:
    logdir = sys.argv[1]
    logdir_spec = ""
    path_prefix = ""
    reload_interval = 0
    reload_multifile = False
    reload_multifile_inactive_secs = 0
    generic_data = "true"
    max_reload_threads = 1
    reload_task = "blocking"
    samples_per_plugin = {}
    purge_orphaned_data = True
    window_title = ""
    detect_file_replacement = False
    event_file = ""
    db = ""


def descriptions(provider):
    listed = provider.list_blob_sequences(context.RequestContext(), experiment_id="", plugin_name="images")
    return {tag: series.description for tag, series in sorted(listed["run"].items())}


write(sys.argv[1])
python = data_ingester.LocalDataIngester(Flags)
python.start()
fast = server_ingester.SubprocessServerDataIngester(
    server_binary=server_ingester.get_server_binary(),
    logdir=Flags.logdir,
    reload_interval=0,
    channel_creds_type=grpc_util.ChannelCredsType.LOCAL,
)
fast.start()
print(f"python {descriptions(python.data_provider)}")
print(f"fast   {descriptions(fast.data_provider)}")
P
seen=$(venv/bin/python seen.py "$folder/logs" 2> /dev/null)
echo "tensorboard 2.21.0, tensorboard-data-server 0.7.2: descriptions of images"
sed 's/^/  /' <<< "$seen"
[ "$seen" = "python {'simple': 'of the simple value', 'tensor': 'of the tensor'}
fast   {'simple': '', 'tensor': 'of the tensor'}" ]
