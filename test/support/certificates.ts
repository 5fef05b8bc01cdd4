/** Certificates of tests. Node cannot make any, OpenSSL can. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** PEM, for two days, signed by itself. */
export function certificate(folder: string, name: string, subjectAltName?: string): { cert: string; key: string } {
  const [cert, key] = ['cert', 'key'].map((part) => join(folder, `${name}-${part}.pem`));
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${name}`, ...(subjectAltName ? ['-addext', `subjectAltName=${subjectAltName}`] : [])];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** The same, signed by another. */
export function signed(
  folder: string,
  name: string,
  subjectAltName: string,
  by: { cert: string; key: string },
): { cert: string; key: string } {
  const request = [
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    `/CN=${name}`,
  ];
  const [key, csr, cert, extensions, ca, caKey] = ['key', 'csr', 'cert', 'ext', 'ca', 'cakey'].map((part) =>
    join(folder, `${name}-${part}.pem`),
  );
  execFileSync('openssl', [...request, '-keyout', key, '-out', csr], { stdio: 'ignore' });
  writeFileSync(extensions, `subjectAltName=${subjectAltName}\n`);
  writeFileSync(ca, by.cert);
  writeFileSync(caKey, by.key);
  const sign = ['x509', '-req', '-in', csr, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
  execFileSync('openssl', [...sign, '-extfile', extensions, '-out', cert], { stdio: 'ignore' });
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
