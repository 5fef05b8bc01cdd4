/** Options of commands that listen or call: ports, and certificates in PEM. */
import { readFileSync } from 'node:fs';
import { ConfigError } from '../src/errors.js';
import { wholeNumber } from './running.js';

export const portNumber = (option: string, value: string): number =>
  wholeNumber(option, value, 0, 65535, 'use a free port, such as 7474, or 0 for any');

/** Certificate and key, or neither. @throws ConfigError when one is missing or cannot be read */
export function pair({ tlsCert, tlsKey }: { tlsCert?: string; tlsKey?: string }) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const missing = tlsCert === undefined ? '--tls-cert' : '--tls-key';
    throw new ConfigError(`${missing} is missing`, 'give --tls-cert and --tls-key, or neither');
  }
  return { cert: pem('--tls-cert', tlsCert), key: pem('--tls-key', tlsKey) };
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
