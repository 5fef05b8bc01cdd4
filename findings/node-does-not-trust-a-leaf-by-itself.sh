#!/usr/bin/env bash
# Node.js 20.20.2 and 24.21.0 do not trust the certificate of a server that is itself given as `ca`, where an authority has signed it: "unable to
# verify the first certificate", although what came is, byte for byte, what is to be trusted. A certificate that has signed itself is trusted that way.
# `allowPartialTrustChain: true` trusts both, and no other server.
# Needs Node 20.18, 22.9 or later, and openssl. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
key() { openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/CN=$1" "${@:2}" 2>> seen.log; }
names='subjectAltName=DNS:localhost'
key authority -x509 -days 2 -out authority.pem
for name in signed other; do
  key $name -out $name.csr
  openssl x509 -req -in $name.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile <(echo "$names") -out $name.pem 2>> seen.log
done
key itself -x509 -days 2 -addext "$names" -out itself.pem
cat > seen.mjs <<'J'
import { readFileSync } from 'node:fs';
import tls from 'node:tls';

const read = (name) => readFileSync(name);
/** What a client that trusts one certificate says of a server with one. */
async function seen(server, ca, options = {}) {
  const listening = tls.createServer({ cert: read(`${server}.pem`), key: read(`${server}.key`) }, (socket) => socket.end());
  listening.on('tlsClientError', () => {});
  await new Promise((resolve) => listening.listen(0, resolve));
  const { port } = listening.address();
  const found = await new Promise((resolve) => {
    const socket = tls.connect({ port, host: 'localhost', ca: read(`${ca}.pem`), ...options }, () => {
      socket.end();
      resolve('trusted');
    });
    socket.on('error', ({ code }) => resolve(code));
  });
  listening.close();
  return found;
}
const partial = { allowPartialTrustChain: true };
const found = {
  'signed by an authority, which is ca': await seen('signed', 'authority'),
  'signed by itself, which is ca': await seen('itself', 'itself'),
  'signed by an authority, and itself ca': await seen('signed', 'signed'),
  'the same, with allowPartialTrustChain': await seen('signed', 'signed', partial),
  'another server of that authority, with it': await seen('other', 'signed', partial),
};
console.log(`Node.js ${process.version}, OpenSSL ${process.versions.openssl}`);
for (const [what, how] of Object.entries(found)) console.log(`${what}: ${how}`);
const trusted = Object.values(found).map((how) => how === 'trusted');
process.exit(trusted.join() === 'true,true,false,true,false' ? 0 : 1);
J
node seen.mjs
