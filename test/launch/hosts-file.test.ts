/** Files of hosts, and words for shells that read them as they are. */
import { spawnSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { shellWords } from '../../src/ground/shell-words.js';
import { parseHosts } from '../../src/launch/hosts-file.js';
import { holdLifeLine, stopLine } from '../../src/launch/life-line.js';
import { remoteCommand } from '../../src/launch/remote-command.js';
import { skipIf } from '../support/skip-if.js';

const posix = skipIf(process.platform === 'win32' && 'words of shells: needs a POSIX shell');

it('reads hosts with their keys', () => {
  const text = '# mine\nnode1 slots=4\r\n\n  me@node2 port = 2222 # far\nfe80::1%eth0 user=you slots=1\n';
  expect(parseHosts(text, 'hosts')).toEqual([
    { name: 'node1', slots: 4 },
    { name: 'node2', user: 'me', port: 2222 },
    { name: 'fe80::1%eth0', user: 'you', slots: 1 },
  ]);
});

it.each([
  ['', 'hosts names no host'],
  ['# a', 'hosts names no host'],
  ['a\nb\na', 'a is named twice'],
  ['-oProxyCommand=x', '"-oProxyCommand=x" is no name of a host'],
  ['-l@a', '"-l" is no name of a user'],
  ['a;b', '"a;b" is no name of a host'],
  ['\na slots=0', 'hosts, line 2: slots=0 is no number from 1 to 256'],
  ['a slots=257', 'slots=257 is no number from 1 to 256'],
  ['a slots=4 slots=5', 'slots is given twice'],
  ['me@a user=you', 'user is given twice'],
  ['a name=b', '"name=b" is not known'],
  ['node1:4', '"node1:4" is no name of a host'],
  ['a port=99999', 'port=99999 is no number from 1 to 65535'],
  ['a max-slots=4', '"max-slots=4" is not known'],
  ['a slots=', '"slots=" is not known'],
])('%j is refused', (text, message) => {
  expect(() => parseHosts(text, 'hosts')).toThrow(message);
});

const words = ['plain', '', "it's", '$HOME `id` "x"', 'a\nb', '\\', '*', '-n', "'''"];

posix.it('words stay what they are, through two shells', () => {
  const show = `printf '%s\\0'`;
  const command = remoteCommand('hello', '/', show, words);
  const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
  expect(stdout).toBe(`hello\n${words.map((word) => `${word}\0`).join('')}`);
  expect(spawnSync('sh', ['-c', `${show} ${shellWords(words)}`], { encoding: 'utf8' }).stdout).toBe(
    words.map((word) => `${word}\0`).join(''),
  );
});

posix.it('a folder that is not there, and a signal, are told apart from a line that breaks', () => {
  const codeOf = (folder: string, command: string) =>
    spawnSync('sh', ['-c', remoteCommand('hello', folder, command, [])]).status;
  expect(codeOf('/no such folder', 'true')).toBe(2);
  expect(codeOf('/', "sh -c 'kill -9 $$'")).toBe(137);
});

it('the end of a life line asks for an end in good order, and after a word to stop for one at once', async () => {
  const told: string[] = [];
  const events = { stopped: () => void told.push('stop'), cut: () => void told.push('cut') };
  const [left, stopped, empty] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const [first, second] = [holdLifeLine(left, events), holdLifeLine(stopped, events)];
  left.write('a tok');
  left.end('en\n');
  stopped.end(`other\n${stopLine}`);
  expect([await first, await second]).toEqual(['a token', 'other']);
  await expect.poll(() => told.toSorted()).toEqual(['cut', 'stop', 'stop']);
  empty.end('half');
  await expect(holdLifeLine(empty, events)).rejects.toThrow('standard input has ended before it said a token');
});
