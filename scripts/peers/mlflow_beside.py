"""MLflow's tracking server on a port of its own, and at the end what its client finds there, as JSON.

    python scripts/peers/mlflow_beside.py FOLDER
Prints the server's address, waits for a line of standard input (inputs for the models, as JSON), and prints runs and models.
Needs what test/requirements.txt lists for it: mlflow-skinny has the server, without what that imports (tried: 3.17.2).
"""

import json
import os
import pathlib
import socket
import sys
import threading
import time
import warnings

warnings.filterwarnings("ignore")
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
# As `mlflow server` sets them for its workers.
os.environ.update(
    _MLFLOW_SERVER_FILE_STORE=f"sqlite:///{folder}/mlflow.db",
    _MLFLOW_SERVER_ARTIFACT_ROOT="mlflow-artifacts:/",
    _MLFLOW_SERVER_ARTIFACT_DESTINATION=str(folder / "artifacts"),
    _MLFLOW_SERVER_SERVE_ARTIFACTS="true",
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    MLFLOW_LOGGING_LEVEL="ERROR",
)

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import uvicorn  # noqa: E402

listener = socket.create_server(("127.0.0.1", 0))
uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
server = uvicorn.Server(uvicorn.Config("mlflow.server.fastapi_app:app", log_level="error"))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
thread.start()
while not server.started:
    time.sleep(0.05)
client = mlflow.MlflowClient(uri)
# At the first question the server makes its database, and takes that for the address of this process.
client.search_experiments()
mlflow.set_tracking_uri(uri)
print(uri, flush=True)

inputs = np.asarray(json.loads(sys.stdin.readline()), dtype=np.float32)
experiments = [experiment.experiment_id for experiment in client.search_experiments()]
runs = []
for run in client.search_runs(experiments):
    run_id = run.info.run_id
    metrics = {
        key: [[point.step, point.value, point.timestamp] for point in client.get_metric_history(run_id, key)]
        for key in run.data.metrics
    }
    runs.append(
        {
            "name": run.info.run_name,
            "status": run.info.status,
            "parameters": run.data.params,
            "metrics": metrics,
            "files": [entry.path for entry in client.list_artifacts(run_id)],
            "models": [output.model_id for output in run.outputs.model_outputs],
        }
    )

models = [
    {"id": model.model_id, "name": model.name, "status": str(model.status)}
    for model in client.search_logged_models(experiments)
]
versions = sorted((int(version.version), version.name) for version in client.search_model_versions())
newest = "models:/{1}/{0}".format(*versions[-1])
loaded = {
    "signature": str(mlflow.models.get_model_info(newest).signature.inputs),
    "nodes": len(mlflow.onnx.load_model(newest).graph.node),
    "predicted": {name: found.tolist() for name, found in mlflow.pyfunc.load_model(newest).predict(inputs).items()},
}
print(json.dumps({"runs": runs, "models": models, "versions": versions, "newest": loaded}))
server.should_exit = True
thread.join()
