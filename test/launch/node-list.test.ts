/** Slurm's lists, against what `scontrol show hostnames` of Slurm 22.05 prints for them. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { expandNodeList, expandTaskCounts } from '../../src/launch/node-list.js';

const lists: [string, string][] = [
  ['n1', 'n1'],
  ['n[1-3]', 'n1 n2 n3'],
  ['rack[1-2]n[01-03],gpu7', 'rack1n01 rack1n02 rack1n03 rack2n01 rack2n02 rack2n03 gpu7'],
  ['a[1,3,5-6]', 'a1 a3 a5 a6'],
  ['n[9-11]', 'n9 n10 n11'],
  ['n[099-101]', 'n099 n100 n101'],
  ['node-1.cluster,node-2.cluster', 'node-1.cluster node-2.cluster'],
];

describe('a list of nodes', () => {
  it.each(lists)('%s is %s', (list, names) => {
    expect(expandNodeList(list)).toEqual(names.split(' '));
  });

  it.each(['', 'n[', 'n]', 'n[1-3', 'n[3-1]', 'n[a]', 'a,,b', 'n[[1]]', 'n[1-999999999]', 'a[1-999]b[1-999]'])(
    '"%s" is none',
    (list) => {
      expect(() => expandNodeList(list)).toThrow(ConfigError);
    },
  );
});

it('counts of tasks are written out', () => {
  expect(expandTaskCounts('2(x3),1')).toEqual([2, 2, 2, 1]);
  expect(expandTaskCounts('1')).toEqual([1]);
  expect(expandTaskCounts('2(x')).toBeUndefined();
});
