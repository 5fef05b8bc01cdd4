/** Where a run listens, as people are told: the command that joins it, and what that does not say. */
import { commandLine } from '../../src/ground/shell-words.js';
import { plural } from '../../src/ground/units.js';
import type { ListeningEvent } from '../../src/report/world-events.js';
import type { Schemes } from '../../src/wire/transport.js';
import { hostAndPort, urlTo } from '../../src/wire/url.js';
import { addressesFor } from './own-addresses.js';

export interface ListeningPlace {
  /** As it was given. */
  readonly host: string;
  /** Whether only this machine can connect. */
  readonly isLocal: boolean;
  readonly port: number;
  readonly token: string;
  readonly schemes: Schemes;
  /** Whether workers join under TLS. */
  readonly isEncrypted: boolean;
  /** Remote workers without which the run does not begin. */
  readonly minimum: number;
}

/** Characters of a token that nobody finds by trying. */
const leastToken = 16;

export function listeningEvent(place: ListeningPlace): ListeningEvent {
  const { host, isLocal: local, port, token, schemes, isEncrypted, minimum } = place;
  const addresses = addressesFor(host);
  const urls = addresses.map((address) => urlTo(hostAndPort(address, port), schemes, isEncrypted));
  const ca = isEncrypted ? ' --tls-ca <certificate>' : '';
  const join = `${commandLine(['worker', urls[0], ...(token === '' ? [] : ['--token', token])])}${ca}`;
  return { event: 'listening', url: urls[0], join, local, note: noteOn(local, host, addresses[0], urls), minimum };
}

/** What is to be said of a token that can be guessed where others than this machine may try. */
export function tokenWarning({ isLocal, token }: ListeningPlace): string | undefined {
  if (isLocal || token.length >= leastToken) return undefined;
  return (
    `the token has ${plural(token.length, 'character')}: whoever overhears a worker joining can find it by trying; ` +
    `use ${leastToken} or more, or give none, and it is a random one`
  );
}

function noteOn(local: boolean, host: string, address: string, urls: readonly string[]): string | null {
  if (local) return 'for workers on other machines, start the coordinator with --host 0.0.0.0';
  if (urls.length > 1) return `where that address is not reached, try ${urls.slice(1).join(' or ')}`;
  const isKnown = address !== '0.0.0.0' && address !== '::';
  return isKnown ? null : `put the name or address of this machine in place of ${host}`;
}
