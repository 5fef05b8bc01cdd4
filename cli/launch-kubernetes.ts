/** `lockstep launch kubernetes`: a run as a Job or a JobSet, created by kubectl. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { Command, Option } from 'commander';
import { ConfigError, LaunchError } from '../src/errors.js';
import { inOneLine } from '../src/ground/printable.js';
import { type KubernetesJob, manifestsText, mounts } from '../src/launch/manifests.js';
import { maximumThreads } from '../src/pool/thread-count.js';
import { generateToken } from '../src/wire/handshake.js';
import {
  checkConfig,
  cpuCount,
  isOnDevice,
  joinArguments,
  type LaunchedFlags,
  nodeCount,
  withLaunched,
} from './launched-options.js';
import { authority, pair } from './network.js';
import { reportMistakes } from './outcome.js';

interface KubernetesFlags extends LaunchedFlags {
  readonly image: string;
  readonly kind: KubernetesJob['kind'];
  readonly name?: string;
  readonly namespace?: string;
  readonly memory: string;
  readonly runs?: string;
  readonly dataVolume?: string;
  readonly secret?: string;
  readonly tlsSecret?: string;
}

export function launchKubernetesCommand(): Command {
  const command = new Command('kubernetes').description(
    'Train on Kubernetes, a rank in each pod: writes the manifests and creates what they describe.',
  );
  withLaunched(command, 'nodes', 'cpus', 'dryRun');
  return command
    .requiredOption('--image <name>', 'image of containers that has lockstep; deploy/Dockerfile makes one')
    .addOption(
      new Option('--kind <kind>', 'a plain Job, or a JobSet, which starts a failed Job anew')
        .choices(['job', 'jobset'])
        .default('job'),
    )
    .option('--name <name>', "of what is created (default: the config's file)")
    .option('--namespace <name>', 'of what is created (default: that of kubectl)')
    .option('--memory <amount>', 'of each pod, such as 8Gi', '8Gi')
    .option('--runs <claim>', `volume that keeps the runs, as ${mounts.runs} (default: none, and runs go with rank 0)`)
    .option('--data-volume <claim>', `volume with data, to be read as ${mounts.data}`)
    .option('--secret <name>', 'that has the token, as its key token (default: a new one)')
    .option(
      '--tls-secret <name>',
      'that has certificate and key, as its type kubernetes.io/tls has them, instead of files',
    )
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep launch kubernetes configs/mnist.yaml --nodes 8 --image registry.example.com/lockstep --runs runs
  npx lockstep launch kubernetes configs/mnist.yaml --nodes 8 --image registry.example.com/lockstep --dry-run > job.yml

A config by a relative path is a file here, and is taken along. One by an absolute path is one of the image or its volumes.
Files of --tls-cert, --tls-key and --tls-ca are files here, and are taken along in a secret.`,
    )
    .action(runLaunchKubernetes);
}

async function runLaunchKubernetes(file: string | undefined, flags: KubernetesFlags, command: Command): Promise<void> {
  await reportMistakes(flags.json, async (warn) => {
    await checkConfig(isTaken(file) ? file : undefined, { ...flags, resume: undefined }, 'Kubernetes');
    const job = jobOfFlags(file, flags, command);
    if (job.runs === undefined) {
      warn(`without --runs the run is lost with the pod of rank 0: name a claim that pods of all nodes can write`);
    }
    const text = manifestsText(job);
    if (flags.dryRun) return void process.stdout.write(text);
    process.stdout.write(await create(text));
    if (flags.json) return;
    const where = job.namespace === undefined ? '' : ` --namespace ${job.namespace}`;
    const which = `${where} --selector app.kubernetes.io/instance=${job.name}`;
    const kinds = flags.kind === 'jobset' ? 'jobset,secret,configmap' : 'job,service,secret,configmap';
    process.stdout.write(
      `kubectl logs --follow${which} shows what it says, kubectl delete ${kinds}${which} ends and removes it\n`,
    );
  });
}

/** A file of this machine, and not one of the image or its volumes. */
const isTaken = (file: string | undefined): file is string => file !== undefined && !file.startsWith('/');

function jobOfFlags(file: string | undefined, flags: KubernetesFlags, command: Command): KubernetesJob {
  const { image, kind, namespace, runs, dataVolume: data, secret, tlsSecret, memory } = flags;
  if (flags.out !== undefined) {
    throw new ConfigError(`--out ${flags.out}: runs are below ${mounts.runs}`, 'leave it out; --runs names the volume');
  }
  checkImage(image);
  if (!/^\d+(\.\d+)?(k|[MGTPE]|[KMGTPE]i|e\d+)?$/.test(memory)) {
    throw new ConfigError(`--memory ${memory}: is no amount as Kubernetes has them`, 'write it as 8Gi or 512Mi');
  }
  const given = joinArguments(file, flags, command, ['--tls-cert', '--tls-key', '--tls-ca']);
  const own = `lockstep-${basename(file ?? flags.resume!, extname(file ?? ''))}`;
  const name =
    flags.name ??
    own
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 40)
      .replace(/-$/, '');
  checkName('--name', name, serviceName);
  checkName('--namespace', namespace, label);
  checkName('--runs', runs, subdomain);
  checkName('--data-volume', data, subdomain);
  checkName('--secret', secret, subdomain);
  checkName('--tls-secret', tlsSecret, subdomain);
  return {
    ...{ name, namespace, kind, image, nodes: nodeCount(flags), memory, runs, data },
    cpus: cpuCount(flags.cpus ?? '4', maximumThreads),
    isOnDevice: isOnDevice(flags),
    config: isTaken(file) ? configText(file) : undefined,
    token: secret === undefined ? { value: process.env.LOCKSTEP_TOKEN || generateToken() } : { secret },
    tls: tlsOf(flags),
    command: ['lockstep'],
    args: isTaken(file) ? [mounts.configFile, ...given.slice(1)] : given,
  };
}

const part = '[a-z\\d]+(?:(?:[._]|__|-+)[a-z\\d]+)*';
/** Of an image: registry, path, tag and digest, by the grammar of registries (distribution/reference). */
const reference = new RegExp(
  `^(?:(?:[a-zA-Z\\d](?:[a-zA-Z\\d.-]*[a-zA-Z\\d])?|\\[[a-fA-F\\d:]+\\])(?::\\d+)?/)?${part}(?:/${part})*(?::\\w[\\w.-]{0,127})?(?:@[a-zA-Z][\\w+.-]*:[a-fA-F\\d]{32,})?$`,
);

/** @throws ConfigError for what no registry can have */
function checkImage(image: string): void {
  if (reference.test(image)) return;
  throw new ConfigError(
    `--image ${image}: is no name of an image`,
    'write it as registry.example.com/lockstep:1.0, in small letters up to its tag',
  );
}

/** Names as Kubernetes checks them: of a Service, which this makes, of a namespace, and of all else. */
const [serviceName, label, subdomain] = [
  {
    form: /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/,
    rule: 'use up to 40 lower-case letters, digits and "-", a letter first',
  },
  { form: /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, rule: 'use up to 63 lower-case letters, digits and "-"' },
  {
    form: /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/,
    rule: 'use up to 253 lower-case letters, digits, "-" and "."',
  },
];

/** @throws ConfigError */
function checkName(option: string, value: string | undefined, { form, rule }: typeof label): void {
  if (value === undefined || form.test(value)) return;
  throw new ConfigError(`${option} ${value}: is no name that Kubernetes has for it`, rule);
}

/** @throws ConfigError when a file cannot be read, or a secret is to have what files have */
function tlsOf(flags: KubernetesFlags): KubernetesJob['tls'] {
  const { tlsSecret: secret, tlsCa } = flags;
  const files = pair(flags);
  if (secret === undefined) return files && { ...files, ca: authority(tlsCa) };
  if (!files) return { secret };
  throw new ConfigError(`--tls-secret ${secret}: beside --tls-cert and --tls-key`, 'give the secret, or the files');
}

/** @throws ConfigError when it is too large to be taken along */
function configText(file: string): string {
  const text = readFileSync(file, 'utf8');
  if (text.length < 1_000_000) return text;
  throw new ConfigError(`${file}: has more than a megabyte`, 'put it into the image, and give its absolute path there');
}

/** @returns what kubectl says. @throws LaunchError */
function create(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('kubectl', ['create', '-f', '-'], (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const isMissing = error.code === 'ENOENT';
      reject(
        isMissing
          ? new LaunchError('there is no kubectl here', 'install it, or print the manifests with --dry-run')
          : new LaunchError(
              `kubectl create: ${inOneLine(stderr || error.message)}`,
              'see which cluster kubectl is for; what is there already has the name: delete it, or give another --name',
            ),
      );
    });
    child.stdin!.on('error', () => {});
    child.stdin!.end(text);
  });
}
