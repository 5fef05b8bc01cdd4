/** Addresses of coordinators and peers, as people write them and as workers tell them to each other. */
import { isIPv6 } from 'node:net';
import { ConfigError } from '../errors.js';
import type { Schemes } from './transport.js';

/** As in a URL. */
export const hostAndPort = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

/** Whether a URL can name it, as those to whom it is told have to. An address that holds on one machine alone (`fe80::1%eth0`) it cannot. */
export const isHost = (name: string): boolean =>
  !/[\s/?#@\\]/.test(name) && URL.canParse(`ws://${hostAndPort(name, 1)}`);

/** @param place host and port */
export const urlTo = (place: string, { plain, encrypted }: Schemes, isEncrypted: boolean): string =>
  `${isEncrypted ? encrypted : plain}://${place}`;

/** Whether nobody on the way reads what is sent there. */
export const isEncrypted = (url: string, { encrypted }: Schemes): boolean =>
  url.toLowerCase().startsWith(`${encrypted}://`);

/**
 * @param address a URL of the transport, or host:port
 * @param ca in PEM, where one is to be trusted
 * @throws ConfigError when this is no address of a coordinator
 */
export function coordinatorUrl(address: string, { plain, encrypted }: Schemes, ca: string | undefined): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `${plain}://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isKnown = url && [`${plain}:`, `${encrypted}:`].includes(url.protocol);
  const isPlace = url && !/[^/]/.test(url.pathname + url.search + url.hash + url.username + url.password);
  if (!isKnown || !isPlace || url.port === '0') {
    throw new ConfigError(
      `"${address}" is not the address of a coordinator`,
      `give ${plain}://HOST:PORT as the coordinator prints it, or ${encrypted}://HOST:PORT with TLS`,
    );
  }
  if (ca !== undefined && url.protocol === `${plain}:`) {
    throw new ConfigError(
      `${url.host} is connected to without TLS, so a CA has no use`,
      `give ${encrypted}://${url.host}`,
    );
  }
  return url;
}
