/** Slurm's lists of nodes and of tasks, written out. */
import { ConfigError } from '../errors.js';

/** Nodes that a list may name: more than any machine has, and few enough to hold. */
const mostNodes = 100_000;

/**
 * Names that a list such as `rack[1-2]n[01-03],gpu7` stands for, in its order: the last bracket counts fastest, and numbers keep
 * their leading zeros, as `scontrol show hostnames` prints them.
 *
 * @throws ConfigError when it is no such list
 */
export function expandNodeList(list: string): string[] {
  const names = splitAt(list, list).flatMap((item) => expandItem(item, list));
  if (names.length === 0 || names.some((name) => name === '')) throw noList(list);
  return names;
}

/** Parts between commas outside of brackets. */
function splitAt(text: string, list: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '[') depth++;
    if (character === ']') depth--;
    if (depth < 0 || depth > 1) throw noList(list);
    if (character === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += character;
  }
  if (depth !== 0) throw noList(list);
  return parts;
}

function expandItem(item: string, list: string): string[] {
  let names = [''];
  for (const [, plain, ranges] of item.matchAll(/([^[\]]+)|\[([^\]]*)\]/g)) {
    const ends = plain === undefined ? expandRanges(ranges, list) : [plain];
    if (names.length * ends.length > mostNodes) throw noList(list);
    names = names.flatMap((name) => ends.map((end) => name + end));
  }
  return names;
}

/** `01-03,7`: 01, 02, 03, 7. */
function expandRanges(ranges: string, list: string): string[] {
  return ranges.split(',').flatMap((range) => {
    const found = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (!found) throw noList(list);
    const [, low, high = low] = found;
    const count = Number(high) - Number(low) + 1;
    if (!(count >= 1 && count <= mostNodes)) throw noList(list);
    return Array.from({ length: count }, (_, i) => String(Number(low) + i).padStart(low.length, '0'));
  });
}

const noList = (list: string): ConfigError =>
  new ConfigError(
    `"${list}" is no list of Slurm's nodes`,
    'see what scontrol show hostnames makes of it, or give --rank, --size and --coordinator',
  );

/** `2(x3),1`: tasks of each node, 2, 2, 2, 1; undefined where it is nothing of that kind. */
export function expandTaskCounts(list: string): number[] | undefined {
  const counts = list.split(',').flatMap((item) => {
    const found = /^(\d+)(?:\(x(\d+)\))?$/.exec(item);
    if (!found) return [Number.NaN];
    return Array.from({ length: Math.min(Number(found[2] ?? 1), mostNodes) }, () => Number(found[1]));
  });
  return counts.some(Number.isNaN) ? undefined : counts;
}
