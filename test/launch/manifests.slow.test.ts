/** `lockstep launch kubernetes`: manifests that the published schemas take, and pods that train under the variables which controllers set. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { certificate, hasOpenssl } from '../support/certificates.js';
import { lockstepServed, startLockstep } from '../support/cli.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { freePort } from '../support/free-port.js';
import { packageRoot } from '../support/package.js';
import { pythonWith } from '../support/python.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { smallJob } from '../support/small.js';

const python = pythonWith('kubernetes_validate', 'kubeflow_trainer_api');
const schemas = skipIf(!python && 'manifests by schema: needs kubernetes-validate and kubeflow-trainer-api (PyPI)');
const posix = skipIf(process.platform === 'win32' && 'pods as processes: their probes are for a POSIX shell');
const newFolder = newFolders();

const tls = ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem'];

const config = {
  ...smallJob,
  training: { epochs: 1, batchSize: 16, shards: 4 },
};

// biome-ignore lint/suspicious/noExplicitAny: manifests are what the schemas say
type Manifest = any;

async function manifests(...args: readonly string[]): Promise<Manifest[]> {
  const folder = newFolder();
  writeConfig(folder, 'my_Run', config);
  const pem = hasOpenssl
    ? certificate(folder, 'pod')
    : { cert: '-----BEGIN CERTIFICATE-----', key: '-----BEGIN PRIVATE KEY-----' };
  writeFileSync(join(folder, 'cert.pem'), pem.cert);
  writeFileSync(join(folder, 'key.pem'), pem.key);
  const given = ['launch', 'kubernetes', 'my_Run.yaml', '--nodes', '2', '--image', 'lockstep', '--dry-run', ...args];
  const { code, stdout, stderr } = await lockstepServed(given, folder);
  expect([code, stderr.replace(/^warning: without --runs.*\n/, '')]).toEqual([0, '']);
  return parseAllDocuments(stdout).map((document) => document.toJS());
}

const everything = ['--runs', 'runs', '--data-volume', 'data', '--namespace', 'me', '--set', 'training.epochs=3'];
const podOf = (all: readonly Manifest[]): Manifest => {
  const last = all.at(-1);
  return (last.spec.template ?? last.spec.replicatedJobs[0].template.spec.template).spec;
};

/** Jobs and what they need by the schemas of Kubernetes, where an unknown key is a mistake; JobSets by the types of their API. */
const checks = `
import json, sys, kubernetes_validate
from kubeflow_trainer_api import models
for one in json.load(sys.stdin):
    try:
        if one['kind'] == 'JobSet':
            read = models.JobsetV1alpha2JobSet.from_dict(one).to_dict()
            back = json.loads(json.dumps(read, default=str))
            def lost(a, b, at):
                if isinstance(a, dict):
                    return [x for k in a for x in (lost(a[k], b[k], at + '.' + k) if isinstance(b, dict) and k in b else [at + '.' + k])]
                if isinstance(a, list):
                    return [x for i in range(len(a)) for x in lost(a[i], b[i], at + '.' + str(i))]
                return [] if a == b else [at + ': %r' % (b,)]
            print(one['kind'], lost(one, back, ''))
        else:
            kubernetes_validate.validate(one, '1.37', strict=True)
            print(one['kind'], [])
    except Exception as error:
        print(one['kind'], type(error).__name__, str(error).split('\\n')[0])
`;
const checked = (all: readonly Manifest[]): string[] =>
  execFileSync(python!, ['-c', checks], { input: JSON.stringify(all), encoding: 'utf8' })
    .trim()
    .split('\n');

schemas.it('the schemas take them, and would not take others', async () => {
  const all = [
    ...(await manifests(...everything)),
    ...(await manifests('--kind', 'jobset', ...everything)),
    ...(await manifests('--secret', 'mine', '--tls-secret', 'certificate')),
    ...(await manifests('--secret', 'mine', ...tls, '--tls-ca', 'cert.pem')),
  ];
  const broken = structuredClone(all.at(-1));
  broken.spec.template.spec.containers[0].volumeMount = [];
  const set = structuredClone(all.find(({ kind }) => kind === 'JobSet'));
  set.spec.replicatedJobs[0].template.spec.completion = 2;
  const found = checked([...all, broken, set]);
  expect(found.slice(0, -2)).toEqual(
    [
      ...['Secret', 'ConfigMap', 'Service', 'Job', 'Secret', 'ConfigMap', 'JobSet'],
      ...['ConfigMap', 'Service', 'Job', 'Secret', 'ConfigMap', 'Service', 'Job'],
    ].map((kind) => `${kind} []`),
  );
  expect(found.slice(-2)).toEqual([
    expect.stringContaining('ValidationError'),
    "JobSet ['.spec.replicatedJobs.0.template.spec.completion']",
  ]);
});

const kinds = hasOpenssl ? (['plain', 'encrypted'] as const) : (['plain', 'plain'] as const);
posix.it.each([
  ['job', kinds[0]],
  ['jobset', kinds[1]],
] as const)('pods of a %s train to the bits of one machine, %s, and rank 0 answers its probe', async (kind, line) => {
  const isSecure = line === 'encrypted';
  const all = await manifests('--kind', kind, '--cpus', '1', '--name', 'mnist', ...(isSecure ? tls : []));
  const { containers } = podOf(all);
  const { args, env, livenessProbe } = containers[0] as Manifest;
  const [secret, pem] = all.filter((one) => one.kind === 'Secret');
  expect(env[1]).toEqual({ name: 'LOCKSTEP_HOST_ID', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } });
  expect(env[0].valueFrom.secretKeyRef).toEqual({ name: secret.metadata.name, key: 'token' });
  expect(JSON.stringify(all.at(-1))).not.toContain(secret.stringData.token);
  // As Kubernetes names pods, and a headless service their hosts.
  const prefix = kind === 'job' ? 'mnist' : 'mnist-rank-0';
  expect(args[args.indexOf('--coordinator') + 1]).toBe(`${prefix}-0.mnist:7474`);
  const folder = newFolder();
  const file = writeConfig(folder, 'config', parse(all.find((one) => one.kind === 'ConfigMap').data['config.yaml']));
  if (isSecure) {
    const { volumes } = podOf(all);
    expect(pem.type).toBe('kubernetes.io/tls');
    expect(volumes.find(({ name }: Manifest) => name === 'tls').secret.secretName).toBe(pem.metadata.name);
    for (const name of ['tls.crt', 'tls.key']) writeFileSync(join(folder, name), pem.stringData[name]);
  }
  const port = String(await freePort());
  const here = (args as string[]).map((arg) =>
    arg === '/config/config.yaml'
      ? file
      : arg.replace(/^\/runs$|^\/tmp\/cache$|^\/tls(?=\/)/, folder).replace(/^.*:7474$/, `127.0.0.1:${port}`),
  );
  const pod = (index: number) => ({
    ...{ JOB_COMPLETION_INDEX: String(index), HOSTNAME: `${prefix}-${index}` },
    LOCKSTEP_TOKEN: secret.stringData.token,
  });
  const start = (index: number) => startLockstep(here, folder, pod(index));
  const first = start(0);
  const probe = (index: number) => {
    const [program, ...rest] = (livenessProbe.exec.command as string[]).map((word) => word.replace('7474', port));
    return spawnSync(program, rest, { env: { ...process.env, ...pod(index) } }).status;
  };
  expect(probe(1)).toBe(0);
  await first.says(`listening at ${isSecure ? 'wss' : 'ws'}://`);
  expect(probe(0)).toBe(0);
  // Not before: without it rank 0 waits.
  const ends = await Promise.all([first, start(1)].map(({ finished }) => finished));
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  const alone = await trained(file, [], newFolder());
  expect(ends[0].stdout).toContain(`parameters sha256: ${alone.end.sha256}`);
  expect(probe(0)).toBe(1);
});

it('what cannot be a manifest is refused', async () => {
  const folder = newFolder();
  writeConfig(folder, 'run', config);
  const given = ['launch', 'kubernetes', 'run.yaml', '--nodes', '2', '--image', 'lockstep', '--dry-run'];
  const refused = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await lockstepServed([...given, ...args], folder);
    expect([code, stdout]).toEqual([2, '']);
    return stderr;
  };
  expect(await refused('--name', 'My_Run')).toContain('--name My_Run: is no name that Kubernetes has for it');
  expect(await refused('--tls-key', 'key.pem')).toContain('--tls-cert is missing');
  expect(await refused('--tls-ca', 'ca.pem')).toContain('--tls-ca without a certificate has no use');
  expect(await refused(...tls)).toContain('--tls-cert cert.pem: no such file');
  expect(await refused('--memory', 'much')).toContain('--memory much: is no amount');
  expect(await refused('--out', 'x')).toContain('--out x: runs are below /runs');
  expect(await refused('--nodes', '0')).toContain('--nodes 0 is not a whole number from 1 to 4096');
});

it.each([
  ['ssh', 'hosts.txt'],
  ['slurm', '--nodes', '2'],
  ['kubernetes', '--nodes', '2', '--image', 'lockstep'],
])('launch %s looks at the config as train does', async (kind, ...args) => {
  const folder = newFolder();
  writeFileSync(join(folder, 'hosts.txt'), 'localhost\n');
  writeConfig(folder, 'run', config);
  const refused = async (...given: readonly string[]) => {
    const words = ['launch', kind, ...args, ...given, '--dry-run'];
    const { code, stdout, stderr } = await lockstepServed(words, folder);
    expect([code, stdout]).toEqual([2, '']);
    return stderr;
  };
  expect(await refused('runn.yaml')).toContain('runn.yaml: no such file\nremedy: did you mean run.yaml?');
  expect(await refused('run.yaml', '--set', 'training.epochs=0')).toContain('training.epochs: 0 is not a whole number');
});

it.each([
  ['ssh', 'hosts.txt'],
  ['slurm', '--nodes', '2'],
])('launch %s looks for the run to go on with', async (kind, ...args) => {
  const folder = newFolder();
  writeFileSync(join(folder, 'hosts.txt'), 'localhost\n');
  mkdirSync(join(folder, 'runs', 'digits-1'), { recursive: true });
  writeConfig(join(folder, 'runs', 'digits-1'), 'config', config);
  const launch = (run: string) => lockstepServed(['launch', kind, ...args, '--resume', run, '--dry-run'], folder);
  const found = await launch('runs/digits-1');
  expect([found.code, found.stderr]).toEqual([0, '']);
  const missing = await launch('runs/digts-1');
  expect(missing.stderr).toContain('--resume runs/digts-1: is no run here (no such folder)');
  // Over ssh, the first host may have it.
  expect(missing.code).toBe(kind === 'ssh' ? 0 : 2);
  if (kind === 'slurm') expect(missing.stderr).toContain(`did you mean ${join('runs', 'digits-1')}?`);
});

it('a file of hosts that is missing is said as other missing files are', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'hosts.txt'), 'localhost\n');
  writeConfig(folder, 'run', config);
  const launch = (hosts: string) => lockstepServed(['launch', 'ssh', hosts, 'run.yaml', '--dry-run'], folder);
  const { code, stderr } = await launch('host.txt');
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/^error: host.txt: no such file\nremedy: did you mean hosts.txt\?/),
  ]);
  expect((await launch('.')).stderr).toMatch(/^error: .: is a folder\nremedy: give a file with a host a line/);
});

it('the image and the Compose file agree with each other and with the commands', () => {
  const read = (name: string) => readFileSync(join(packageRoot, 'deploy', name), 'utf8');
  const { services, volumes } = parse(read('compose.yml'), { merge: true }) as Manifest;
  const [first, second] = [services.rank0, services.rank1];
  expect(Object.keys(volumes)).toEqual(['runs']);
  for (const one of [first, second]) {
    expect(one).toMatchObject({ read_only: true, tmpfs: ['/tmp'], cap_drop: ['ALL'], restart: 'on-failure:20' });
    expect(one.command.slice(-2 - 8, -2)).toEqual([
      '--rank',
      one === first ? '0' : '1',
      '--size',
      '2',
      '--coordinator',
      'rank0:7474',
      '--job',
      'compose',
    ]);
  }
  const image = read('Dockerfile');
  expect(image).toMatch(/^USER 1000:1000$/m);
  expect(image).toMatch(/^ENTRYPOINT \["lockstep"\]$/m);
  expect(image).toMatch(/^HEALTHCHECK /m);
});
