/** Addresses of this machine by which others reach it, the likeliest first. */
import { networkInterfaces } from 'node:os';

/** Networks between containers and virtual machines of this machine, as a rule. */
const inner = /^(docker|br-|veth|virbr|vboxnet|vmnet|cni|flannel)/;

/** @param host what was given to listen on. @returns it, unless that is all addresses */
export function addressesFor(host: string): string[] {
  if (host !== '0.0.0.0' && host !== '::') return [host];
  const entries = Object.entries(networkInterfaces())
    .sort(([one], [other]) => Number(inner.test(one)) - Number(inner.test(other)))
    .flatMap(([, entries]) => entries ?? []);
  // Addresses of a link alone need to be told the link.
  const outer = entries.filter(({ internal, address }) => !internal && !/^(fe80:|169\.254\.)/i.test(address));
  const four = outer.filter(({ family }) => family === 'IPv4').map(({ address }) => address);
  const six = outer.filter(({ family }) => family === 'IPv6').map(({ address }) => address);
  // A socket on all IPv6 addresses takes IPv4 too.
  const found = host === '::' ? [...six, ...four] : four;
  return found.length > 0 ? found : [host];
}
