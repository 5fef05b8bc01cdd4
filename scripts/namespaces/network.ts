/**
 * Hosts that are really apart, on one machine: network namespaces with addresses of their own, joined by a switch that
 * limits bandwidth, delays and loses packets. Linux, as root. Nothing of it is in the namespace of the machine itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What the cable of each host does. */
export interface Shape {
  /** Bits a second, each way; undefined for no limit. */
  readonly rate?: number;
  /** Milliseconds from a host to any other. */
  readonly delay: number;
  /** Part of the packets that a host sends that never arrive. */
  readonly loss: number;
}

/** Where the kernel has no netem, the switch is wire.py. */
type Switch = 'netem of the kernel' | 'a switch in user space';

/** What somebody can correct who wants namespaces. */
export class NetworkError extends Error {}

const packageRoot = dirname(realpathSync(new URL('../../../package.json', import.meta.url)));
const wire = join(packageRoot, 'scripts', 'namespaces', 'wire.py');
/** So that the switch in user space keeps up with a gigabit. */
const mtu = 9000;

function attempt(program: string, args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `${program} ${args.join(' ')}: ${error?.message ?? (stderr.trim() || `exit code ${status}`)}`;
}

/** @throws NetworkError when it fails */
function run(program: string, ...args: string[]): void {
  const problem = attempt(program, args);
  if (problem) throw new NetworkError(problem);
}

/** @throws NetworkError saying why there can be no namespaces here */
export function switchHere(): Switch {
  const probe = `lockstep-${process.pid}-probe`;
  const noNamespace = attempt('ip', ['netns', 'add', probe]);
  if (noNamespace) throw new NetworkError(`${noNamespace} (namespaces need Linux, iproute2 and root)`);
  try {
    const noNetem = attempt('tc', ['-n', probe, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms']);
    if (!noNetem) return 'netem of the kernel';
    const noWire = existsSync('/dev/net/tun') ? attempt('python3', ['--version']) : 'no /dev/net/tun';
    if (!noWire) return 'a switch in user space';
    throw new NetworkError(`${noNetem}; and for a switch in user space: ${noWire}`);
  } finally {
    attempt('ip', ['netns', 'delete', probe]);
  }
}

let networks = 0;

export class Network {
  readonly addresses: readonly string[];
  readonly #prefix = `lockstep-${process.pid}-${++networks}`;
  readonly #hosts: readonly string[];
  readonly #hub = `${this.#prefix}-switch`;
  #switch: Switch | undefined;
  #wire: ChildProcess | undefined;

  /** @throws NetworkError when it cannot be made; nothing is left of it then */
  static async create(hosts: number, shape: Shape): Promise<Network> {
    const network = new Network(hosts);
    try {
      await network.#build(shape);
      return network;
    } catch (error) {
      network.close();
      throw error;
    }
  }

  private constructor(hosts: number) {
    this.#hosts = Array.from({ length: hosts }, (_, host) => `${this.#prefix}-${host}`);
    this.addresses = this.#hosts.map((_, host) => `10.77.0.${host + 1}`);
  }

  /** What joins the hosts, for people. */
  get switchName(): string {
    return this.#switch ?? 'nothing';
  }

  /** The command that runs a program on a host: it becomes that program, so its process id is the program's. */
  on(host: number, ...command: string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.#hosts[host], ...command]];
  }

  /** Takes the link of a host down. */
  cut(host: number): void {
    run('ip', '-n', this.#hosts[host], 'link', 'set', `host${host}`, 'down');
  }

  heal(host: number): void {
    run('ip', '-n', this.#hosts[host], 'link', 'set', `host${host}`, 'up');
  }

  /** Nothing that a host sends to another gets there any more. */
  block(from: number, to: number): void {
    run('ip', '-n', this.#hosts[from], 'route', 'add', 'blackhole', `${this.addresses[to]}/32`);
  }

  /** Removes everything; programs that still run on a host are to be ended before. Does nothing the second time. */
  close(): void {
    this.#wire?.kill('SIGKILL');
    for (const namespace of [...this.#hosts, this.#hub]) {
      if (existsSync(`/run/netns/${namespace}`)) attempt('ip', ['netns', 'delete', namespace]);
    }
  }

  async #build(shape: Shape): Promise<void> {
    this.#switch = switchHere();
    for (const namespace of [...this.#hosts, this.#hub]) run('ip', 'netns', 'add', namespace);
    if (this.#switch === 'netem of the kernel') this.#bridge(shape);
    else await this.#startWire(shape);
    for (const [host, namespace] of this.#hosts.entries()) {
      const device = `host${host}`;
      run('ip', '-n', namespace, 'address', 'add', `${this.addresses[host]}/24`, 'dev', device);
      run('ip', '-n', namespace, 'link', 'set', device, 'up', 'mtu', `${mtu}`);
      run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
    }
  }

  /** Delay and loss are those of the sender; the rate is that of both ends. */
  #bridge({ rate, delay, loss }: Shape): void {
    const hub = this.#hub;
    const limit = rate === undefined ? [] : ['rate', `${Math.round(rate)}bit`];
    const line = ['delay', `${Math.round(delay * 1000)}us`, 'loss', `${loss * 100}%`];
    run('ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge');
    run('ip', '-n', hub, 'link', 'set', 'bridge', 'up', 'mtu', `${mtu}`);
    for (const [host, namespace] of this.#hosts.entries()) {
      const [device, port] = [`host${host}`, `port${host}`];
      run('ip', 'link', 'add', device, 'netns', namespace, 'type', 'veth', 'peer', 'name', port, 'netns', hub);
      run('ip', '-n', hub, 'link', 'set', port, 'master', 'bridge', 'up', 'mtu', `${mtu}`);
      run('tc', '-n', namespace, 'qdisc', 'add', 'dev', device, 'root', 'netem', ...line, ...limit);
      if (rate !== undefined) run('tc', '-n', hub, 'qdisc', 'add', 'dev', port, 'root', 'netem', ...limit);
    }
  }

  async #startWire({ rate, delay, loss }: Shape): Promise<void> {
    const devices = this.#hosts.map((_, host) => `host${host}`);
    const settings = [rate ?? 0, delay / 1000, loss].map(String);
    const args = ['netns', 'exec', this.#hub, 'python3', wire, ...settings, ...devices];
    // Detached: an interrupt at the terminal must not end it before the programs that it serves.
    const child = spawn('ip', args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#wire = child;
    let problem = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      problem += text;
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout!.once('data', () => resolve());
      child.once('close', () => reject(new NetworkError(`the switch in user space ended: ${problem}`)));
      child.once('error', reject);
    });
    child.unref();
    for (const [host, namespace] of this.#hosts.entries()) {
      run('ip', '-n', this.#hub, 'link', 'set', devices[host], 'netns', namespace);
    }
  }
}
