/** A real ssh server on loopback, with keys of its own, under the names of several hosts; all gone afterwards. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';

/** Where services are, which the path of an ordinary user leaves out. */
const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const programs = ['sshd', 'ssh', 'ssh-keygen'];

/** Why there can be no ssh server here; undefined where it can. */
export function noSshd(): string | undefined {
  if (process.platform === 'win32') return 'launch ssh: needs an ssh server that an ordinary process can be';
  const missing = programs.filter((name) => spawnSync('which', [name], { env: { PATH: path } }).status !== 0);
  if (missing.length === 0) return undefined;
  return `launch ssh: needs ${missing.join(', ')} (Debian: apt-get install --no-install-recommends openssh-server)`;
}

export class SshServer {
  /** Of the client, for `ssh -F`. */
  readonly config: string;
  readonly #process: ChildProcess;

  /** @param names of hosts, which all are this one; `refused` is one where nobody listens */
  static async start(folder: string, names: readonly string[]): Promise<SshServer> {
    const port = await freePort();
    const server = new SshServer(folder, names, port);
    let said = '';
    for await (const text of server.#process.stderr!.setEncoding('utf8')) {
      said += text;
      if (said.includes('Server listening')) return server;
    }
    throw new Error(`sshd does not start: ${said}`);
  }

  private constructor(folder: string, names: readonly string[], port: number) {
    for (const name of ['host', 'user']) {
      spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
    }
    const settings = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/user.pub`,
      `PidFile ${folder}/pid`,
      ...['PasswordAuthentication no', 'StrictModes no', 'UsePAM no', 'PermitRootLogin yes', 'MaxStartups 100'],
    ];
    writeFileSync(join(folder, 'sshd_config'), `${settings.join('\n')}\n`);
    this.config = join(folder, 'ssh_config');
    const client = [
      ...names.map((name) => `Host ${name}\n  HostName 127.0.0.1\n  Port ${port}`),
      'Host refused\n  HostName 127.0.0.1\n  Port 1',
      `Host *\n  IdentityFile ${folder}/user\n  IdentitiesOnly yes\n  User ${userInfo().username}`,
      `  UserKnownHostsFile ${folder}/known\n  StrictHostKeyChecking accept-new\n  LogLevel ERROR`,
    ];
    writeFileSync(this.config, `${client.join('\n')}\n`);
    // Where root's server leaves its privileges.
    if (userInfo().uid === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
    const program = spawnSync('which', ['sshd'], { env: { PATH: path }, encoding: 'utf8' }).stdout.trim();
    this.#process = spawn(program, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  }

  close(): void {
    this.#process.kill();
  }
}
