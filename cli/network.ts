/** Options of commands that listen or call: ports, and certificates in PEM. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../src/errors.js';
import { wholeNumber } from './running.js';

export const portNumber = (option: string, value: string): number =>
  wholeNumber(option, value, 0, 65535, 'use a free port, such as 7474, or 0 for any');

/** Names of files. */
interface PairFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Certificate and key, or neither. @throws ConfigError when one is missing or cannot be read */
export function pair(flags: PairFlags) {
  const files = filesOf(flags);
  return files && { cert: pem('--tls-cert', files.cert), key: pem('--tls-key', files.key) };
}

function filesOf({ tlsCert: cert, tlsKey: key }: PairFlags) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return { cert, key };
  const missing = cert === undefined ? '--tls-cert' : '--tls-key';
  throw new ConfigError(`${missing} is missing`, 'give --tls-cert and --tls-key, or neither');
}

/** What ranks of a job are given, all the same. @throws ConfigError when a part of it is missing, wherever the files are */
export function checkRankFiles({ tlsCa, ...files }: PairFlags & { readonly tlsCa?: string }): void {
  if (filesOf(files) || tlsCa === undefined) return;
  throw new ConfigError('--tls-ca without a certificate has no use', 'give --tls-cert and --tls-key to every rank');
}

/** The text of a PEM file. @throws ConfigError when there is none */
export function pem(option: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${option} ${file}: cannot be read (${(error as Error).message})`, 'name a file in PEM');
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new ConfigError(`${option} ${file}: is not in PEM`, 'convert it with openssl');
}
