/** `lockstep join` under a real Slurm: the bits of one machine, also of a job that is stopped, out of time, preempted and cancelled, and loses a node. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunEvent } from '../../src/report/events.js';
import { startLockstep } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { newFolders, writeConfig } from '../support/folder.js';
import { freePort } from '../support/free-port.js';
import { paced } from '../support/held.js';
import { cliFile } from '../support/package.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';
import { noSlurm, SlurmCluster } from '../support/slurm.js';

const reason = noSlurm();
const slurm = skipIf(reason);
const newFolder = newFolders();

/** Steps so short that it takes longer to agree on one than to compute it. */
const config = {
  name: 'job',
  data: { source: 'digits', examples: 800, validation: 0.1, test: 0.1 },
  model: { layers: ['flatten', { dense: { units: 8, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: {} },
  training: { epochs: 1, batchSize: 4, shards: 4 },
  checkpoint: { everySteps: 20, keep: 2 },
};
/** With rests, so that its end does not come before the fourth time that it is stopped. */
const long = { ...config, training: { ...config.training, epochs: 9 } };
const rests = (milliseconds: number) =>
  Object.entries(paced('"event":"checkpoint"', milliseconds)).map(([name, value]) => `export ${name}='${value}'\n`);
/** What a user writes, but for the place of the program. */
const lockstep = `${execPath} ${cliFile}`;

let cluster: SlurmCluster;
let hash: string;
let hashOfLong: string;
beforeAll(async () => {
  if (reason) return;
  const alone = async (given: object) => (await trained(writeConfig(newFolder(), 'run', given), [], newFolder())).end;
  const [started, end, endOfLong] = await Promise.all([SlurmCluster.start(3), alone(config), alone(long)]);
  cluster = started;
  hash = end.sha256;
  hashOfLong = endOfLong.sha256;
});
afterAll(() => cluster?.close());

/** What rank 0 has said so far; srun may be in the middle of a line. */
function eventsIn(file: string): RunEvent[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as RunEvent);
}

/** How rank 0 ended: the others have a number. */
const endOf = (said: string): object =>
  said
    .split('\n')
    .map((line) => JSON.parse(line))
    .find(({ event, rank }) => event === 'end' && rank === undefined);

/**
 * A file for each rank, as docs/cluster.md has it for events. Of several ranks srun breaks lines of more than a kilobyte.
 * @returns the option of srun, and the file of rank 0
 */
const apart = (folder: string) => ({ option: `--output=${folder}/said-%t`, said: join(folder, 'said-0') });

/** A job as docs/cluster.md has it. */
async function submitted(folder: string, rest: number, ...args: string[]) {
  const { option, said } = apart(folder);
  const file = writeConfig(folder, 'run', long);
  const script = `#!/bin/bash
#SBATCH --requeue --open-mode=append
${rests(rest).join('')}srun ${option} --open-mode=append --kill-on-bad-exit ${lockstep} join ${file} --out ${folder}/runs --threads 1 --json --timeout 40
code=$?
if [ $code = 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
`;
  const given = [`--output=${folder}/job`, `--error=${folder}/errors`, `--chdir=${folder}`, ...args];
  const id = await cluster.submit('job.sh', script, ...given);
  /** Resolves when the job has been started so often, and each time come further than before. */
  const trainsFor = (times: number) =>
    eventually(`job ${id} trains for the ${times}. time`, () => {
      const events = eventsIn(said).filter(({ event }) => event === 'start' || event === 'checkpoint');
      const starts = events.filter(({ event }) => event === 'start');
      return starts.length === times && events.at(-1)!.event === 'checkpoint';
    });
  return { id, said, trainsFor };
}

slurm.it('a job on three nodes ends with the bits of one machine', async () => {
  const folder = newFolder();
  const args = ['join', writeConfig(folder, 'run', config), '--out', join(folder, 'runs'), '--json'];
  const { option, said: file } = apart(folder);
  await cluster.run('srun', '--nodes=3', option, execPath, cliFile, ...args);
  const said = readFileSync(file, 'utf8').trim();
  const events = said.split('\n').map((line) => JSON.parse(line));
  const { workers } = events.find(({ event }) => event === 'summary');
  expect(workers.map(({ name }: { name: string }) => name).toSorted()).toEqual(['coordinator', 'rank1.n2', 'rank2.n3']);
  expect(workers.every(({ steps }: { steps: number }) => steps > 0)).toBe(true);
  expect(endOf(said)).toMatchObject({ sha256: hash });
  // The token is nobody's business but the ranks'.
  expect(said).not.toContain('--token');
  expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
});

slurm.it(
  'a job that is stopped, preempted, loses a node and is cancelled goes on each time, to the same bits',
  async () => {
    const folder = newFolder();
    const { id, said, trainsFor } = await submitted(folder, 250, '--nodes=2-3');
    await trainsFor(1);
    await cluster.run('scancel', '--signal=TERM', id);
    await cluster.restarted(id, 1);
    await trainsFor(2);
    const other = await cluster.submit('other.sh', '#!/bin/bash\ntrue\n', '--partition=high', '--nodes=3');
    await cluster.until(other, 'COMPLETED');
    await cluster.restarted(id, 2);
    await trainsFor(3);
    await cluster.kill('n3');
    await cluster.restarted(id, 3);
    await trainsFor(4);
    await cluster.run('scancel', id);
    await cluster.until(id, 'CANCELLED');
    expect(readdirSync(join(folder, 'runs'))).toEqual(['job-1']);
    const run = join(folder, 'runs', 'job-1');
    const rest = apart(newFolder());
    await cluster.run('srun', '--nodes=2', rest.option, execPath, cliFile, 'join', '--resume', run, '--json');
    expect(endOf(readFileSync(rest.said, 'utf8').trim())).toMatchObject({ interrupted: false, sha256: hashOfLong });
    const starts = eventsIn(said).flatMap((event) => (event.event === 'start' ? [event] : []));
    const from = starts.map(({ resumed }) => resumed?.step ?? 0);
    expect(from).toEqual([...new Set(from)].toSorted((a, b) => a - b));
  },
);

slurm.it('a job whose time is nearly up writes a checkpoint, and goes on from there', async () => {
  const folder = newFolder();
  // The least that Slurm grants; it looks every 30 s whose time is up.
  const { id, said, trainsFor } = await submitted(folder, 1000, '--nodes=2', '--time=1', '--signal=TERM@50');
  await trainsFor(1);
  await cluster.restarted(id, 1);
  await trainsFor(2);
  await cluster.run('scancel', id);
  await cluster.until(id, 'CANCELLED');
  const events = eventsIn(said);
  const again = events.findLastIndex(({ event }) => event === 'start');
  const before = events.slice(0, again);
  expect(before.find(({ event }) => event === 'end')).toMatchObject({ interrupted: true });
  const written = before.findLast((event) => event.event === 'checkpoint');
  expect(events[again]).toMatchObject({ resumed: { step: written?.step } });
});

slurm.it('a rank that does not come is named with its node, and all end', async () => {
  const folder = newFolder();
  const file = writeConfig(folder, 'run', config);
  const rank = `[ $SLURM_PROCID = 1 ] || exec ${lockstep} join ${file} --out ${folder}/runs --timeout 1`;
  await expect(cluster.run('srun', '--nodes=2', 'sh', '-c', rank)).rejects.toMatchObject({
    code: 75,
    stdout: expect.stringContaining('of 2 ranks these have not come within 1 s: rank 1 (n2)'),
  });
});

slurm.it('the script of a job, where srun is missing, says so', async () => {
  const folder = newFolder();
  const script = `#!/bin/bash\n${lockstep} join ${writeConfig(folder, 'run', config)}\n`;
  const said = join(folder, 'said');
  const id = await cluster.submit('job.sh', script, `--output=${said}`);
  await cluster.until(id, 'FAILED');
  expect(await cluster.job(id, 'ExitCode')).toBe('2:0');
  expect(readFileSync(said, 'utf8')).toContain('write srun in front of the command');
});

it('launch slurm has ranks started by the file of the program, which hears what Slurm asks for', async () => {
  const folder = newFolder();
  writeConfig(folder, 'run', config);
  const { code, stdout } = await startLockstep(['launch', 'slurm', 'run.yaml', '--nodes', '2', '--dry-run'], folder)
    .finished;
  expect(code).toBe(0);
  expect(stdout).toContain(`\nsrun --kill-on-bad-exit ${cliFile} join run.yaml\n`);
});

slurm.it('launch slurm says in one line that no controller is reached', async () => {
  const folder = newFolder();
  writeConfig(folder, 'run', config);
  const nowhere = join(folder, 'slurm.conf');
  const port = await freePort();
  writeFileSync(
    nowhere,
    `ClusterName=x\nSlurmctldHost=localhost\nSlurmctldPort=${port}\nMessageTimeout=2\nNodeName=n\n`,
  );
  const args = ['launch', 'slurm', 'run.yaml', '--nodes', '2'];
  const { code, stderr } = await startLockstep(args, folder, { ...cluster.env, SLURM_CONF: nowhere }).finished;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: sbatch: [^\\\n]+\nremedy: run this where sinfo shows the nodes, .*\nLOCKSTEP_LAUNCH\n$/,
  );
});

slurm.it('launch slurm submits a job that ends with the bits of one machine, and says which', async () => {
  const folder = newFolder();
  writeConfig(folder, 'run', config);
  const launch = (...args: readonly string[]) =>
    cluster.run(
      ...[execPath, cliFile, 'launch', 'slurm', 'run.yaml', '--nodes', '2', '--chdir', folder],
      ...['--command', lockstep, '--threads', '1', '--json', '--time', '10', ...args, '--', `--output=${folder}/said`],
    );
  const script = await launch('--dry-run');
  expect(script).toMatch(/^#SBATCH --time=10$/m);
  const tls = ['--tls-cert', '/etc/tls/cert.pem', '--tls-key', '/etc/tls/key.pem'];
  expect(await launch('--dry-run', ...tls)).toMatch(new RegExp(`^srun .* join .*${tls.join(' ')}`, 'm'));
  expect(spawnSync('bash', ['-n'], { input: script }).status).toBe(0);
  const { job } = JSON.parse(await launch());
  await cluster.until(job, 'COMPLETED');
  expect(await cluster.job(job, 'JobName')).toBe('run');
  expect(endOf(readFileSync(join(folder, `run-${job}-0.jsonl`), 'utf8').trim())).toMatchObject({ sha256: hash });
});
