/**
 * `workers=8..4096,bandwidth=10Gbps,latency=100us`: a scenario in one line. Optional are perHost=8, stragglers=0.1 (coefficient
 * of variation), failures=0.001 (per worker and hour), reduction=star+butterfly, mode=strong and batch=64.
 */

import { ConfigError } from '../errors.js';
import { oneOf } from '../ground/suggest.js';
import { grouped } from '../ground/units.js';
import { type Reduction, reductions, type Scenario } from './scenario.js';

const mostWorkers = 4096;
const required = ['workers', 'bandwidth', 'latency'] as const;
const keys = [...required, 'perHost', 'stragglers', 'failures', 'reduction', 'mode', 'batch'];
const example = '--project "workers=8..4096,bandwidth=10Gbps,latency=100us"';

/** Bytes a second. */
const bandwidthUnits: Readonly<Record<string, number>> = {
  bps: 1 / 8,
  Kbps: 1e3 / 8,
  Mbps: 1e6 / 8,
  Gbps: 1e9 / 8,
  Tbps: 1e12 / 8,
  'B/s': 1,
  'KB/s': 1e3,
  'MB/s': 1e6,
  'GB/s': 1e9,
};
const secondsUnits: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1 };

/**
 * @param usual the mode of a scenario that names none
 * @throws ConfigError for each part that is not what it should be, the first one first
 */
export function parseProjection(text: string, usual: Scenario['mode'] = 'weak'): Scenario {
  const parts = partsOf(text);
  for (const key of required) {
    if (!parts.has(key)) throw wrong(`${key} is missing`, `name it, as in ${example}`);
  }
  const optional = <T>(key: string, read: (value: string) => T): T | undefined => {
    const value = parts.get(key);
    return value === undefined ? undefined : read(value);
  };
  return {
    workers: workerCounts(parts.get('workers')!),
    bandwidth: quantity('bandwidth', parts.get('bandwidth')!, bandwidthUnits, '10Gbps'),
    latency: quantity('latency', parts.get('latency')!, secondsUnits, '100us'),
    perHost: optional('perHost', (value) => wholeNumber('perHost', value, mostWorkers)),
    stragglers: optional('stragglers', (value) => decimal('stragglers', value, 2)),
    failures: optional('failures', (value) => decimal('failures', value, 1000)) ?? 0,
    reductions: optional('reduction', reductionNames) ?? reductions,
    mode: optional('mode', modeName) ?? usual,
    batch: optional('batch', (value) => wholeNumber('batch', value, 2 ** 31)),
  };
}

function partsOf(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of text.split(',')) {
    const [key, value] = split(part, '=');
    if (key === '' || value === undefined || value === '') {
      throw wrong(`"${part.trim()}" is not key=value`, `separate parts by commas, as in ${example}`);
    }
    if (!keys.includes(key)) {
      throw wrong(`"${key}" is none of ${keys.join(', ')}`, oneOf(key, keys, 'leave it out'));
    }
    if (parts.has(key)) throw wrong(`${key} is given twice`, 'leave one out');
    parts.set(key, value);
  }
  return parts;
}

/** The two sides of the first separator; the second is undefined where there is none. */
function split(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  if (at < 0) return [text.trim(), undefined];
  return [text.slice(0, at).trim(), text.slice(at + separator.length).trim()];
}

/** `8..4096`: 8, doubled as long as that is no more than 4096. `8+16+100`: these. */
function workerCounts(text: string): number[] {
  const [low, high] = split(text, '..');
  if (high === undefined) {
    const counts = text.split('+').map((count) => wholeNumber('workers', count.trim(), mostWorkers));
    return [...new Set(counts)].sort((a, b) => a - b);
  }
  const [first, last] = [low, high].map((count) => wholeNumber('workers', count, mostWorkers));
  if (first > last) throw wrong(`workers: ${first}..${last} ends before it begins`, `write workers=${last}..${first}`);
  const counts: number[] = [];
  for (let count = first; count <= last; count *= 2) counts.push(count);
  return counts;
}

function quantity(key: string, text: string, units: Readonly<Record<string, number>>, sample: string): number {
  const [, number, unit] = /^([\d.]+)\s*([^\d.].*)?$/.exec(text) ?? [];
  const names = Object.keys(units);
  const remedy = `write a number and one of ${names.join(', ')}, as in ${key}=${sample}`;
  if (number === undefined || !Number.isFinite(Number(number))) throw wrong(`${key}: "${text}" is no number`, remedy);
  const known = names.find((name) => name === unit) ?? names.find((name) => name.toLowerCase() === unit?.toLowerCase());
  if (known === undefined) throw wrong(`${key}: "${text}" ${unit ? 'has an unknown unit' : 'has no unit'}`, remedy);
  if (Number(number) === 0 && key === 'bandwidth') throw wrong(`${key}: ${text} moves nothing`, remedy);
  return Number(number) * units[known];
}

function wholeNumber(key: string, text: string, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= most) return value;
  const rule = `${key}: "${text}" is no whole number from 1 to ${grouped(most)}`;
  throw wrong(rule, key === 'workers' ? 'write workers=8..4096 or workers=8+16+100' : `write ${key}=8`);
}

function decimal(key: string, text: string, most: number): number {
  const value = /^[\d.]+(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= most) return value;
  throw wrong(`${key}: "${text}" is no number from 0 to ${most}`, `write ${key}=0.1`);
}

function reductionNames(text: string): Reduction[] {
  const wanted = text.split('+').map((name) => name.trim());
  const unknown = wanted.find((name) => !reductions.some((known) => known === name));
  if (unknown === undefined) return reductions.filter((name) => wanted.includes(name));
  throw wrong(`reduction: "${unknown}" is none of ${reductions.join(', ')}`, 'join several by +: star+butterfly');
}

function modeName(text: string): Scenario['mode'] {
  if (text === 'weak' || text === 'strong') return text;
  throw wrong(`mode: "${text}" is neither weak nor strong`, 'weak keeps the batch of a worker, strong that of a step');
}

const wrong = (problem: string, remedy: string): ConfigError => new ConfigError(`--project: ${problem}`, remedy);
