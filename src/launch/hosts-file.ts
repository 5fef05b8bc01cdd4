/** Files that name hosts, a line each, as launchers of other systems have them: `node1 slots=4 user=me port=2222 # comment`. */
import { isIPv6 } from 'node:net';
import { ConfigError } from '../errors.js';
import { maximumThreads } from '../pool/thread-count.js';

export interface SshHost {
  /** As ssh is given it: a name of its configuration, a host's name or an address. */
  readonly name: string;
  readonly user?: string;
  readonly port?: number;
  /** Threads that are meant for the rank there. */
  readonly slots?: number;
}

/** Nothing that ssh could take for an option, or a shell for its own. */
const names = /^\w[\w.%-]*$/;
const isName = (text: string): boolean => names.test(text) || isIPv6(text);

/**
 * @param file where the text is from, for errors
 * @throws ConfigError for what is no host, a host that is named twice, and where none is named
 */
export function parseHosts(text: string, file: string): SshHost[] {
  const hosts = text.split(/\r?\n/).flatMap((line, i) => {
    const words = line
      .replace(/#.*/, '')
      .replaceAll(/\s*=\s*/g, '=')
      .trim();
    return words === '' ? [] : [parseHost(words.split(/\s+/), `${file}, line ${i + 1}`)];
  });
  if (hosts.length === 0) throw new ConfigError(`${file} names no host`, 'write one a line, such as: node1 slots=4');
  const twice = hosts.find(({ name }, i) => hosts.findIndex((other) => other.name === name) !== i);
  if (twice) {
    throw new ConfigError(
      `${file}: ${twice.name} is named twice, and a host has one rank`,
      'leave one out; slots=N gives a rank N threads',
    );
  }
  return hosts;
}

function parseHost([place, ...keys]: readonly string[], at: string): SshHost {
  const [, own, name] = /^(?:([^@]*)@)?(.*)$/.exec(place)!;
  const host: { name: string; user?: string; port?: number; slots?: number } = { name: checked(name, 'host', at) };
  if (own !== undefined) host.user = checked(own, 'user', at);
  for (const key of keys) {
    const [, word, value] = /^(\w+)=(.+)$/.exec(key) ?? [];
    if (word !== 'name' && Object.hasOwn(host, word ?? '')) {
      throw new ConfigError(`${at}: ${word} is given twice`, `leave ${key} out, or the other`);
    }
    if (word === 'slots') host.slots = counted(value, word, 1, maximumThreads, at);
    else if (word === 'port') host.port = counted(value, word, 1, 65_535, at);
    else if (word === 'user') host.user = checked(value, 'user', at);
    else throw new ConfigError(`${at}: "${key}" is not known`, 'beside a host stand slots=N, user=NAME and port=N');
  }
  return host;
}

function checked(name: string, what: string, at: string): string {
  if (isName(name)) return name;
  const [, host, number] = /^([^:]+):(\d+)$/.exec(name) ?? [];
  throw new ConfigError(
    `${at}: "${name}" is no name of a ${what}`,
    host !== undefined
      ? `write ${host} slots=${number} for its threads, or ${host} port=${number} for the port of its sshd`
      : `use letters, digits and . _ - for it; what is called otherwise gets such a name in ~/.ssh/config`,
  );
}

function counted(value: string, word: string, least: number, most: number, at: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= least && number <= most) return number;
  throw new ConfigError(
    `${at}: ${word}=${value} is no number from ${least} to ${most}`,
    `correct or leave out ${word}`,
  );
}
