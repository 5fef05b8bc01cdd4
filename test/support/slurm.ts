/** A Slurm cluster of its own: munge, the controller, and several nodes on this machine, in a folder, all gone afterwards. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { patience } from './patience.js';

const programs = ['munged', 'slurmctld', 'slurmd', 'srun', 'sbatch', 'scancel', 'scontrol', 'squeue'];
/** Where services are, which the path of an ordinary user leaves out. */
const path = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Why there can be no Slurm here; undefined where it can. */
export function noSlurm(): string | undefined {
  const missing = programs.filter((name) => spawnSync(name, ['--version'], { env: { PATH: path } }).error);
  if (missing.length === 0) return undefined;
  return `join under Slurm: needs ${missing.join(', ')} (Debian: apt-get install --no-install-recommends slurm-wlm munge)`;
}

export class SlurmCluster {
  readonly folder: string;
  readonly nodes: readonly string[];
  readonly #services: ChildProcess[] = [];
  readonly #daemons = new Map<string, ChildProcess>();

  private constructor(nodes: number) {
    // munge refuses a path that others may write, but for one like /tmp.
    this.folder = mkdtempSync(join(process.env.LOCKSTEP_SCRATCH ?? tmpdir(), 'slurm-'));
    this.nodes = Array.from({ length: nodes }, (_, i) => `n${i + 1}`);
  }

  /** Resolves when all nodes take jobs. */
  static async start(nodes: number): Promise<SlurmCluster> {
    const cluster = new SlurmCluster(nodes);
    try {
      await cluster.#start();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** Variables of programs that talk to it. */
  get env(): NodeJS.ProcessEnv {
    return { ...process.env, PATH: path, SLURM_CONF: join(this.folder, 'slurm.conf') };
  }

  /** What a command of Slurm prints. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, args, { env: this.env, cwd: this.folder });
    return stdout.trim();
  }

  /** Submits a script. @returns the number of its job */
  async submit(name: string, script: string, ...args: string[]): Promise<string> {
    const file = join(this.folder, name);
    writeFileSync(file, script);
    return this.run('sbatch', '--parsable', ...args, file);
  }

  /** What the controller says of a job, such as `JobState`. */
  async job(id: string, key: string): Promise<string> {
    const text = await this.run('scontrol', 'show', 'job', id);
    return new RegExp(`\\b${key}=(\\S*)`).exec(text)?.[1] ?? '';
  }

  /** Waits until a job is in a state. */
  async until(id: string, state: string): Promise<void> {
    await this.#poll(`job ${id} is ${state}`, async () => (await this.job(id, 'JobState')) === state);
  }

  /**
   * Waits until a job that was requeued so often runs again. Slurm would have it wait for two minutes each time; two seconds are the least
   * in which nodes do not take it for the one that they have just been told to end.
   */
  async restarted(id: string, times: number): Promise<void> {
    let isHastened = false;
    await this.#poll(`job ${id} has been started again ${times} times`, async () => {
      const [restarts, reason, state] = await Promise.all(
        ['Restarts', 'Reason', 'JobState'].map((key) => this.job(id, key)),
      );
      if (restarts !== String(times)) return false;
      if (reason === 'BeginTime' && !isHastened) {
        isHastened = true;
        await this.run('scontrol', 'update', `JobId=${id}`, 'StartTime=now+2');
      }
      return state === 'RUNNING';
    });
  }

  async #poll(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const start = performance.now(); !(await holds()); await sleep(100)) {
      if (performance.now() - start > patience) {
        throw new Error(`not in time: ${what}\n${await this.run('scontrol', 'show', 'job')}\n${this.#logs()}`);
      }
    }
  }

  /** A node dies with all that runs on it; the controller is told at once what it would notice within minutes. */
  async kill(node: string): Promise<void> {
    const { pid } = this.#daemons.get(node)!;
    this.#daemons.get(node)!.kill('SIGKILL');
    for (const child of this.#processesOf(node, pid!)) kill(child);
    await this.run('scontrol', 'update', `NodeName=${node}`, 'State=DOWN', 'Reason=killed');
  }

  /** Ends all jobs and all services. */
  async close(): Promise<void> {
    try {
      await this.run('scancel', '--signal=KILL', '--full', `--user=${userInfo().username}`).catch(() => {});
      for (const node of this.#daemons.keys()) for (const child of this.#processesOf(node)) kill(child);
      for (const service of [...this.#daemons.values(), ...this.#services.reverse()]) await end(service);
    } finally {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  async #start(): Promise<void> {
    const { folder, nodes } = this;
    mkdirSync(join(folder, 'munge'), { mode: 0o700 });
    mkdirSync(join(folder, 'state'));
    const munge = (name: string) => join(folder, 'munge', name);
    writeFileSync(munge('key'), randomBytes(128), { mode: 0o600 });
    chmodSync(folder, 0o755);
    const ports: number[] = [];
    for (const _ of ['controller', ...nodes]) ports.push(await freePort());
    writeFileSync(join(folder, 'slurm.conf'), this.#config(ports));
    const places = ['socket', 'pid-file', 'log-file', 'seed-file'].map((name) => `--${name}=${munge(name)}`);
    this.#services.push(this.#spawn('munged', ['--foreground', '--force', `--key-file=${munge('key')}`, ...places]));
    this.#services.push(this.#spawn('slurmctld', ['-D', '-c']));
    for (const node of nodes) this.#daemons.set(node, this.#spawn('slurmd', ['-D', '-N', node]));
    const idle = () => this.run('sinfo', '--noheader', '--states=idle', '--format=%D').catch(() => '');
    for (const start = performance.now(); (await idle()) !== String(nodes.length); await sleep(100)) {
      if (performance.now() - start > patience) throw new Error(`Slurm does not start:\n${this.#logs()}`);
    }
  }

  #spawn(program: string, args: readonly string[]): ChildProcess {
    return spawn(program, args, { env: this.env, stdio: 'ignore', cwd: this.folder });
  }

  /** Whatever a node has started, by the variable that Slurm gives to it; and the daemons of its steps. */
  #processesOf(node: string, parent?: number): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        const env = textOf(`/proc/${pid}/environ`).split('\0');
        const isTask = env.includes(`SLURMD_NODENAME=${node}`) && env.includes(`SLURM_CONF=${this.env.SLURM_CONF}`);
        return (
          isTask ||
          (parent !== undefined &&
            / (\d+) /.exec(textOf(`/proc/${pid}/stat`).replace(/^.*\) \S/, ''))?.[1] === String(parent))
        );
      });
  }

  #logs(): string {
    const logs = readdirSync(this.folder).filter((name) => name.endsWith('.log'));
    return logs
      .map((name) => `${name}:\n${textOf(join(this.folder, name)).split('\n').slice(-15).join('\n')}`)
      .join('\n');
  }

  #config([controller, ...ports]: readonly number[]): string {
    const { folder, nodes } = this;
    const { username } = userInfo();
    const own = nodes.map(
      (node, i) =>
        `NodeName=${node} NodeHostname=${hostname()} NodeAddr=127.0.0.1 Port=${ports[i]} CPUs=1 State=UNKNOWN`,
    );
    return `${[
      'ClusterName=test',
      `SlurmctldHost=${hostname()}(127.0.0.1)`,
      `SlurmctldPort=${controller}`,
      ...[`SlurmUser=${username}`, `SlurmdUser=${username}`, 'AuthType=auth/munge', 'CredType=cred/munge'],
      `AuthInfo=socket=${folder}/munge/socket`,
      ...[`StateSaveLocation=${folder}/state`, `SlurmdSpoolDir=${folder}/spool-%n`],
      ...[`SlurmctldPidFile=${folder}/controller.pid`, `SlurmdPidFile=${folder}/%n.pid`],
      ...[`SlurmctldLogFile=${folder}/controller.log`, `SlurmdLogFile=${folder}/%n.log`],
      ...['ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none', 'SwitchType=switch/none', 'MpiDefault=none'],
      ...['JobAcctGatherType=jobacct_gather/none', 'AccountingStorageType=accounting_storage/none'],
      ...['SelectType=select/cons_tres', 'SelectTypeParameters=CR_Core', 'SchedulerType=sched/builtin'],
      'SchedulerParameters=sched_interval=1,batch_sched_delay=0',
      ...['KillWait=20', 'ReturnToService=2', 'PreemptType=preempt/partition_prio', 'PreemptMode=REQUEUE'],
      ...own,
      'PartitionName=low Nodes=ALL Default=YES State=UP PriorityTier=1 GraceTime=20',
      'PartitionName=high Nodes=ALL State=UP PriorityTier=9 PreemptMode=OFF',
    ].join('\n')}\n`;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

async function end(service: ChildProcess): Promise<void> {
  if (service.exitCode !== null || service.signalCode !== null || service.pid === undefined) return;
  const ended = once(service, 'exit');
  service.kill('SIGTERM');
  const timer = setTimeout(() => service.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}
