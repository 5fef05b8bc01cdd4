/** What ssh's own configuration makes of a host. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LaunchError } from '../errors.js';
import { inOneLine } from '../ground/printable.js';
import type { SshHost } from './hosts-file.js';

/**
 * The name or address behind what is an alias for ssh alone.
 * @param configFile of ssh; none for the user's own
 * @throws LaunchError when ssh is not there or does not understand its configuration
 */
export async function addressOf({ name }: SshHost, configFile: string | undefined): Promise<string> {
  const config = configFile === undefined ? [] : ['-F', configFile];
  try {
    const { stdout } = await promisify(execFile)('ssh', ['-G', ...config, '--', name]);
    return /^hostname (.+)$/m.exec(stdout)?.[1] ?? name;
  } catch (error) {
    const { code, message, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT') throw new LaunchError('there is no ssh here', 'install the ssh client of OpenSSH');
    throw new LaunchError(
      `ssh -G ${name} fails: ${inOneLine(stderr || message)}`,
      "correct ssh's configuration, or give another with --ssh-config",
    );
  }
}
