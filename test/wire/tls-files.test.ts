/** Files of a certificate and its key are looked at before anything is begun with them. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { pair } from '../../cli/network.js';
import { certificate, hasOpenssl } from '../support/certificates.js';
import { temporaryFolder } from '../support/folder.js';
import { skipIf } from '../support/skip-if.js';

const openssl = skipIf(!hasOpenssl && 'certificates and keys: needs openssl');
const folder = temporaryFolder();
const path = (name: string) => join(folder, `${name}.pem`);

beforeAll(() => {
  if (!hasOpenssl) return;
  const one = certificate(folder, 'one');
  certificate(folder, 'two');
  writeFileSync(path('both'), one.key + one.cert);
  const encryption = ['-topk8', '-v2', 'aes-128-cbc', '-passout', 'pass:x', '-out', path('secret')];
  execFileSync('openssl', ['pkcs8', '-in', path('one-key'), ...encryption], { stdio: 'ignore' });
});

openssl.it.each([
  [
    'the key of another',
    'one-cert',
    'two-key',
    /two-key\.pem: is not the key of the certificate --tls-cert .*one-cert/,
  ],
  ['an encrypted key', 'one-cert', 'secret', /secret\.pem: is encrypted by a passphrase.* openssl pkey -in .*secret/s],
  [
    'a key for the certificate',
    'one-key',
    'one-cert',
    /--tls-cert .*one-key\.pem: holds no certificate .*--tls-cert and/s,
  ],
  ['a certificate for the key', 'one-cert', 'two-cert', /--tls-key .*two-cert\.pem: holds no private key/],
])('%s is refused', (_, tlsCert, tlsKey, problem) => {
  const trying = () => pair({ tlsCert: path(tlsCert), tlsKey: path(tlsKey) });
  expect(trying).toThrow(expect.objectContaining({ code: 'LOCKSTEP_CONFIG' }));
  expect(trying).toThrow(problem);
});

openssl.it('both may be in one file', () => {
  expect(pair({ tlsCert: path('both'), tlsKey: path('both') })?.cert).toContain('BEGIN CERTIFICATE');
});
