/** A run as objects of Kubernetes: an Indexed Job, or a JobSet of one, whose pods are the ranks, and what they need. */
import { stringify } from 'yaml';

export interface KubernetesJob {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly kind: 'job' | 'jobset';
  readonly image: string;
  readonly nodes: number;
  /** Cores of a pod, which are its threads too, but where it computes on a device. */
  readonly cpus: number;
  readonly isOnDevice: boolean;
  readonly memory: string;
  /** Claims of volumes; runs are lost with rank 0 where there is none for them. */
  readonly runs: string | undefined;
  readonly data: string | undefined;
  /** Text of the config, where it is not in the image. */
  readonly config: string | undefined;
  /** The token, or the name of a secret that has it as `token`. */
  readonly token: { readonly value: string } | { readonly secret: string };
  /** Certificate and key of all pods in PEM, or the name of a secret that has them; undefined where nothing is encrypted. */
  readonly tls:
    | { readonly cert: string; readonly key: string; readonly ca: string | undefined }
    | { readonly secret: string }
    | undefined;
  /** As in a container of the image. */
  readonly command: readonly string[];
  /** What follows `join`, without rank, size, place of rank 0 and folder of runs. */
  readonly args: readonly string[];
}

/** Where the ranks find what is mounted. */
export const mounts = {
  ...{ config: '/config', configFile: '/config/config.yaml', runs: '/runs', data: '/data', tls: '/tls' },
} as const;

const port = 7474;
/** Of the user in the image, by number as Kubernetes wants it. */
const user = 1000;
/** Seconds in which a rank is to end with a checkpoint. */
const grace = 120;

/** Documents of YAML. */
export const manifestsText = (job: KubernetesJob): string =>
  manifestsOf(job)
    .map((one) => stringify(one, { aliasDuplicateObjects: false }))
    .join('---\n');

function manifestsOf(job: KubernetesJob): object[] {
  const { config, token, tls, kind } = job;
  const secret = 'value' in token && {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: metadataOf(job), type: 'Opaque' },
    stringData: { token: token.value },
  };
  const certificate = tls !== undefined &&
    'cert' in tls && {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { ...metadataOf(job), name: tlsSecretOf(job) } },
      ...{ type: 'kubernetes.io/tls' },
      stringData: { 'tls.crt': tls.cert, 'tls.key': tls.key, ...(tls.ca !== undefined && { 'ca.crt': tls.ca }) },
    };
  const map = config !== undefined && {
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: metadataOf(job) },
    data: { 'config.yaml': config },
  };
  const rest = kind === 'jobset' ? [jobSetOf(job)] : [serviceOf(job), jobOf(job)];
  const all = [secret, certificate, map, ...rest];
  return all.filter((one) => one !== false);
}

const tlsSecretOf = ({ name, tls }: KubernetesJob): string => (tls && 'secret' in tls ? tls.secret : `${name}-tls`);

/** What ranks are told of it. */
function tlsArguments({ tls }: KubernetesJob): string[] {
  if (tls === undefined) return [];
  const authority = 'ca' in tls && tls.ca !== undefined ? ['--tls-ca', `${mounts.tls}/ca.crt`] : [];
  return ['--tls-cert', `${mounts.tls}/tls.crt`, '--tls-key', `${mounts.tls}/tls.key`, ...authority];
}

const labelsOf = ({ name }: KubernetesJob) => ({
  'app.kubernetes.io/name': 'lockstep',
  'app.kubernetes.io/instance': name,
});

const metadataOf = (job: KubernetesJob) => ({
  name: job.name,
  ...(job.namespace !== undefined && { namespace: job.namespace }),
  labels: labelsOf(job),
});

/** Gives pods names, also before they are ready: rank 0 is looked for while it reads data. */
const serviceOf = (job: KubernetesJob) => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: metadataOf(job) },
  spec: {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: labelsOf(job),
    ports: [{ name: 'lockstep', port }],
  },
});

const jobOf = (job: KubernetesJob) => ({
  ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: metadataOf(job) },
  spec: jobSpecOf(job, `${job.name}-0.${job.name}`),
});

/** The controller of JobSets makes the service. */
const jobSetOf = (job: KubernetesJob) => ({
  ...{ apiVersion: 'jobset.x-k8s.io/v1alpha2', kind: 'JobSet', metadata: metadataOf(job) },
  spec: {
    network: { enableDNSHostnames: true, subdomain: job.name, publishNotReadyAddresses: true },
    failurePolicy: {
      maxRestarts: 3,
      // What starting it again does not help.
      rules: [{ name: 'runHasFailed', action: 'FailJobSet', onJobFailureReasons: ['PodFailurePolicy'] }],
    },
    replicatedJobs: [
      { name: 'rank', replicas: 1, template: { spec: jobSpecOf(job, `${job.name}-rank-0-0.${job.name}`) } },
    ],
  },
});

const jobSpecOf = (job: KubernetesJob, coordinator: string) => ({
  completionMode: 'Indexed',
  completions: job.nodes,
  parallelism: job.nodes,
  backoffLimit: 20,
  podFailurePolicy: {
    rules: [
      // The run has failed, or its input is bad.
      { action: 'FailJob', onExitCodes: { containerName: 'rank', operator: 'In', values: [1, 2] } },
      { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
    ],
  },
  template: {
    metadata: { labels: labelsOf(job) },
    spec: {
      // A Job names the service that its pods belong to; a JobSet does so itself.
      ...(job.kind === 'job' && { subdomain: job.name }),
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: grace,
      automountServiceAccountToken: false,
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: user, runAsGroup: user, fsGroup: user },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [containerOf(job, coordinator)],
      volumes: volumesOf(job).map(({ name, from }) => ({ name, ...from })),
    },
  },
});

function containerOf(job: KubernetesJob, coordinator: string) {
  const { image, cpus, isOnDevice, memory, nodes, token, args, command } = job;
  const threads = isOnDevice ? [] : ['--threads', String(cpus)];
  const place = ['--size', String(nodes), '--coordinator', `${coordinator}:${port}`];
  // A run that is gone on with has its folder already.
  const out = args.includes('--resume') ? [] : ['--out', mounts.runs];
  const key = { name: 'value' in token ? job.name : token.secret, key: 'token' };
  return {
    name: 'rank',
    image,
    command: [...command],
    args: ['join', ...threads, '--cache', '/tmp/cache', ...args, ...tlsArguments(job), ...place, ...out],
    env: [
      { name: 'LOCKSTEP_TOKEN', valueFrom: { secretKeyRef: key } },
      // Pods of a node have network namespaces of their own, and no network between them.
      { name: 'LOCKSTEP_HOST_ID', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ],
    ports: [{ name: 'lockstep', containerPort: port }],
    resources: { requests: { cpu: String(cpus), memory }, limits: { memory } },
    securityContext: {
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      capabilities: { drop: ['ALL'] },
    },
    // Until rank 0 has read its data it answers nobody; a processor that is busy may make it slow afterwards.
    startupProbe: { ...probeOf(job), periodSeconds: 10, failureThreshold: 360, timeoutSeconds: 30 },
    livenessProbe: { ...probeOf(job), periodSeconds: 60, failureThreshold: 5, timeoutSeconds: 30 },
    volumeMounts: volumesOf(job).map(({ name, mountPath, readOnly }) => ({
      ...{ name, mountPath },
      ...(readOnly && { readOnly }),
    })),
  };
}

/** Whether rank 0 answers. The others open no port, and end by themselves where they are cut off. */
function probeOf({ tls }: KubernetesJob) {
  const [get, options] =
    tls === undefined ? ["require('http').get", ''] : ["require('https').get", ', rejectUnauthorized: false'];
  const asks = `${get}({ host: '127.0.0.1', port: ${port}${options} }, () => process.exit(0)).on('error', () => process.exit(1))`;
  return { exec: { command: ['sh', '-c', `[ "$JOB_COMPLETION_INDEX" != 0 ] || exec node -e "${asks}"`] } };
}

function volumesOf(job: KubernetesJob) {
  const { name, config, runs, data, tls } = job;
  const claim = (claimName: string, readOnly: boolean) => ({ persistentVolumeClaim: { claimName, readOnly } });
  return [
    { name: 'tmp', mountPath: '/tmp', readOnly: false, from: { emptyDir: {} } },
    {
      ...{ name: 'runs', mountPath: mounts.runs, readOnly: false },
      from: runs === undefined ? { emptyDir: {} } : claim(runs, false),
    },
    ...(data === undefined ? [] : [{ name: 'data', mountPath: mounts.data, readOnly: true, from: claim(data, true) }]),
    ...(tls === undefined
      ? []
      : [
          {
            ...{ name: 'tls', mountPath: mounts.tls, readOnly: true },
            from: { secret: { secretName: tlsSecretOf(job), defaultMode: 0o440 } },
          },
        ]),
    ...(config === undefined
      ? []
      : [{ name: 'config', mountPath: mounts.config, readOnly: true, from: { configMap: { name } } }]),
  ];
}
