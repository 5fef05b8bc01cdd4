/** Options of commands that listen or call: ports, and certificates in PEM. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ConfigError } from '../src/errors.js';
import { givenText } from './given-file.js';
import { wholeNumber } from './running.js';

export const portNumber = (option: string, value: string): number =>
  wholeNumber(option, value, 0, 65535, 'use a free port, such as 7474, or 0 for any');

/** Names of files. */
interface PairFlags {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Certificate and key, or neither. @throws ConfigError when one is missing, cannot be read, or does not belong to the other */
export function pair(flags: PairFlags) {
  const files = filesOf(flags);
  if (!files) return undefined;
  const [cert, key] = [pem('--tls-cert', files.cert), pem('--tls-key', files.key)];
  checkPair(files, cert, key);
  return { cert, key };
}

function checkPair(files: { readonly cert: string; readonly key: string }, cert: string, key: string): void {
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(key)) {
    throw new ConfigError(
      `--tls-key ${files.key}: is encrypted by a passphrase, for which nobody is asked`,
      `write it without one: openssl pkey -in ${files.key} -out plain-key.pem`,
    );
  }
  const certificate = held(`--tls-cert ${files.cert}: holds no certificate`, () => new X509Certificate(cert));
  const privateKey = held(`--tls-key ${files.key}: holds no private key`, () => createPrivateKey(key));
  if (certificate.checkPrivateKey(privateKey)) return;
  throw new ConfigError(
    `--tls-key ${files.key}: is not the key of the certificate --tls-cert ${files.cert}`,
    'give the key that this certificate was made for',
  );
}

/** @throws ConfigError saying what is not there */
function held<T>(missing: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError(
      `${missing} (${(error as Error).message})`,
      'name files in PEM: certificates by --tls-cert and --tls-ca, the private key by --tls-key',
    );
  }
}

function filesOf({ tlsCert: cert, tlsKey: key }: PairFlags) {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return { cert, key };
  const missing = cert === undefined ? '--tls-cert' : '--tls-key';
  throw new ConfigError(`${missing} is missing`, 'give --tls-cert and --tls-key, or neither');
}

/** What is trusted; undefined without a file. @throws ConfigError when it is no certificate */
export function authority(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const text = pem('--tls-ca', file);
  held(`--tls-ca ${file}: holds no certificate`, () => new X509Certificate(text));
  return text;
}

/** What ranks of a job are given, all the same. @throws ConfigError when a part of it is missing, wherever the files are */
export function checkRankFiles({ tlsCa, ...files }: PairFlags & { readonly tlsCa?: string }): void {
  if (filesOf(files) || tlsCa === undefined) return;
  throw new ConfigError('--tls-ca without a certificate has no use', 'give --tls-cert and --tls-key to every rank');
}

/** The text of a PEM file. @throws ConfigError when there is none */
function pem(option: string, file: string): string {
  const text = givenText(`${option} ${file}`, file, 'name a file in PEM');
  if (text.includes('-----BEGIN ')) return text;
  throw new ConfigError(`${option} ${file}: is not in PEM`, 'convert it with openssl');
}
