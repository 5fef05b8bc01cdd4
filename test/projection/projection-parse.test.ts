/** `--project`: scenarios in one line, and what is said of those that are none. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/errors.js';
import { parseProjection } from '../../src/projection/parse.js';

const rest = 'bandwidth=10Gbps,latency=100us';

describe('parseProjection', () => {
  it('reads workers, bandwidth and latency, and takes the rest as usual', () => {
    expect(parseProjection('workers=8..4096,bandwidth=10Gbps,latency=100us')).toEqual({
      workers: [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
      bandwidth: 1.25e9,
      latency: expect.closeTo(1e-4, 12),
      failures: 0,
      mode: 'weak',
      reductions: ['star', 'tree', 'butterfly', 'hierarchical'],
    });
  });

  it('takes the mode of the runs where it names none', () => {
    expect(parseProjection(`workers=8,${rest}`, 'strong').mode).toBe('strong');
    expect(parseProjection(`workers=8,${rest},mode=weak`, 'strong').mode).toBe('weak');
  });

  it('reads everything else', () => {
    const optional = 'perHost=8, stragglers=0.1, failures=1e-3, reduction=butterfly+star, mode=strong, batch=512';
    expect(parseProjection(`workers=100+8+8, bandwidth=125 MB/s, latency=2ms, ${optional}`)).toEqual({
      workers: [8, 100],
      bandwidth: 1.25e8,
      latency: 0.002,
      perHost: 8,
      stragglers: 0.1,
      failures: 0.001,
      reductions: ['star', 'butterfly'],
      mode: 'strong',
      batch: 512,
    });
  });

  it('doubles the first number as far as the last one', () => {
    expect(parseProjection(`workers=3..20,${rest}`).workers).toEqual([3, 6, 12]);
    expect(parseProjection(`workers=64,${rest}`).workers).toEqual([64]);
  });

  it.each([
    ['bandwidth', '1Mbps', 125e3],
    ['bandwidth', '2.5gbps', 312.5e6],
    ['bandwidth', '80KB/s', 80e3],
    ['latency', '250ns', 250e-9],
    ['latency', '5µs', 5e-6],
    ['latency', '0s', 0],
    ['latency', '1.5 s', 1.5],
  ] as const)('reads %s=%s', (key, text, value) => {
    const parts = { workers: '8', bandwidth: '1Gbps', latency: '1ms', [key]: text };
    const line = Object.entries(parts).map(([name, part]) => `${name}=${part}`);
    expect(parseProjection(line.join())[key]).toBeCloseTo(value, 12);
  });

  it.each([
    ['', /"" is not key=value.*as in --project "workers=8\.\.4096/],
    ['workers', /"workers" is not key=value/],
    ['workers=8', /bandwidth is missing: name it/],
    [`workers=8,${rest},worker=3`, /"worker" is none of workers, bandwidth.*did you mean workers\?/],
    [`workers=8,${rest},latency=1ms`, /latency is given twice: leave one out/],
    [`workers=0,${rest}`, /workers: "0" is no whole number from 1 to 4,096: write workers=8\.\.4096/],
    [`workers=8..8192,${rest}`, /workers: "8192" is no whole number from 1 to 4,096/],
    [`workers=64..8,${rest}`, /workers: 64\.\.8 ends before it begins: write workers=8\.\.64/],
    [`workers=8+x,${rest}`, /workers: "x" is no whole number/],
    [
      'workers=8,bandwidth=10,latency=1ms',
      /bandwidth: "10" has no unit: write a number and one of bps, .*bandwidth=10Gbps/,
    ],
    ['workers=8,bandwidth=10Gb,latency=1ms', /bandwidth: "10Gb" has an unknown unit/],
    ['workers=8,bandwidth=fast,latency=1ms', /bandwidth: "fast" is no number/],
    ['workers=8,bandwidth=0Gbps,latency=1ms', /bandwidth: 0Gbps moves nothing/],
    ['workers=8,bandwidth=1Gbps,latency=1h', /latency: "1h" has an unknown unit: .*ns, us/],
    [`workers=8,${rest},perHost=1.5`, /perHost: "1\.5" is no whole number/],
    [`workers=8,${rest},stragglers=-1`, /stragglers: "-1" is no number from 0 to 2/],
    [`workers=8,${rest},failures=often`, /failures: "often" is no number/],
    [`workers=8,${rest},reduction=ring`, /reduction: "ring" is none of star, tree, butterfly, hierarchical/],
    [`workers=8,${rest},mode=big`, /mode: "big" is neither weak nor strong/],
  ])('refuses %j', (text, message) => {
    expect(() => parseProjection(text)).toThrow(ConfigError);
    expect(() => parseProjection(text)).toThrow(message);
  });
});
