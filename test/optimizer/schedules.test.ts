/** Learning-rate schedules against their closed forms. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { scheduleSchema } from '../../src/config/schedule.js';
import { learningRateAt } from '../../src/optimizer/schedule.js';
import { peers } from '../support/peer-steps.js';

const BASE = 0.4;
const TOTAL = 300;
const EPOCH = 25;

function ratesOf(config: z.input<typeof scheduleSchema>): number[] {
  const schedule = scheduleSchema.parse(config);
  return Array.from({ length: TOTAL }, (_, step) => learningRateAt(schedule, BASE, step, TOTAL, EPOCH));
}

/** Compares all steps from `from` on. */
function expectRates(rates: readonly number[], closedForm: (step: number) => number, from = 0): void {
  rates.slice(from).forEach((rate, index) => {
    expect(Math.abs(rate / closedForm(index + from) - 1)).toBeLessThan(1e-12);
  });
}

describe('learningRateAt', () => {
  it('constant', () => expectRates(ratesOf('constant'), () => BASE));

  it('linear', () => {
    expectRates(ratesOf('linear'), (step) => (BASE * (TOTAL - step)) / TOTAL);
    expectRates(ratesOf({ linear: { end: 0.25 } }), (step) => BASE - (BASE * 0.75 * step) / TOTAL);
  });

  it('cosine', () => {
    expectRates(ratesOf('cosine'), (step) => BASE * Math.cos((Math.PI * step) / TOTAL / 2) ** 2);
    const rates = ratesOf({ cosine: { end: 0.1 } });
    expect(rates[0]).toBe(BASE);
    expect(rates[TOTAL / 2]).toBeCloseTo(BASE * 0.55, 12);
    expect(rates[TOTAL - 1]).toBeGreaterThan(BASE * 0.1);
    expect(rates[TOTAL - 1]).toBeLessThan(BASE * 0.1001);
  });

  it('step', () => {
    expectRates(ratesOf('step'), (step) => (step < 250 ? BASE : BASE / 10));
    const rates = ratesOf({ step: { every: 40, unit: 'steps', factor: 0.5 } });
    expectRates(rates, (step) => BASE / 2 ** Math.floor(step / 40));
  });

  it('exponential', () => {
    expectRates(ratesOf('exponential'), (step) => BASE * 0.95 ** (step / EPOCH));
    const rates = ratesOf({ exponential: { every: 100, unit: 'steps', factor: 0.3 } });
    expectRates(rates, (step) => BASE * 0.3 ** (step / 100));
  });

  it('warms up in equal increments, then decays over what remains', () => {
    const warmupSteps = 20;
    const rise = (step: number) => Math.min(1, (step + 1) / warmupSteps);
    expectRates(ratesOf({ constant: { warmupSteps } }), (step) => BASE * rise(step));
    const linear = ratesOf({ linear: { warmupSteps } });
    expectRates(linear.slice(0, warmupSteps), (step) => BASE * rise(step));
    expectRates(linear, (step) => (BASE * (TOTAL - step)) / (TOTAL - warmupSteps), warmupSteps);
    const cosine = ratesOf({ cosine: { warmupSteps } });
    expectRates(cosine.slice(0, warmupSteps), (step) => BASE * rise(step));
    const angle = (step: number) => (Math.PI / 2) * ((step - warmupSteps) / (TOTAL - warmupSteps));
    expectRates(cosine, (step) => BASE * Math.cos(angle(step)) ** 2, warmupSteps);
    const step = ratesOf({ step: { every: 10, unit: 'steps', factor: 0.5, warmupSteps } });
    expectRates(step, (at) => (BASE * rise(at)) / 2 ** Math.floor(at / 10));
    const exponential = ratesOf({ exponential: { warmupSteps } });
    expectRates(exponential, (at) => BASE * rise(at) * 0.95 ** (at / EPOCH));
  });

  it('is all warm-up where the run is shorter', () => {
    const schedule = scheduleSchema.parse({ cosine: { warmupSteps: 10 } });
    const rates = Array.from({ length: 4 }, (_, step) => learningRateAt(schedule, 1, step, 4, 2));
    expect(rates).toEqual([0.1, 0.2, 0.3, 0.4]);
  });
});

describe('wsd', () => {
  it('rises, stays, and falls in the last part of the run', () => {
    const rates = ratesOf({ wsd: { warmupSteps: 20, decay: 0.2, end: 0.1 } });
    expectRates(rates, (step) => {
      if (step < 20) return (BASE * (step + 1)) / 20;
      return step < 240 ? BASE : BASE * (0.1 + (0.9 * (300 - step)) / 60);
    });
    expectRates(ratesOf('wsd'), (step) => (step < 270 ? BASE : (BASE * (300 - step)) / 30));
  });

  it('falls in other shapes', () => {
    const passed = (step: number) => Math.max(0, step - 150) / 150;
    const cosine = ratesOf({ wsd: { decay: 0.5, shape: 'cosine' } });
    expectRates(cosine, (step) => BASE * Math.cos((Math.PI / 2) * passed(step)) ** 2);
    const root = ratesOf({ wsd: { decay: 0.5, shape: 'squareRoot' } });
    expectRates(root, (step) => BASE * (1 - Math.sqrt(passed(step))));
    expectRates(ratesOf({ wsd: { decay: 0 } }), () => BASE);
  });
});

/** scripts/peers/optimizers.py: PyTorch 2.15.0's OneCycleLR. */
describe('oneCycle', () => {
  it.each([
    ['oneCycle', {}],
    ['oneCycle in straight lines', { rise: 0.4, shape: 'linear', divisor: 10, finalDivisor: 100 }],
    ['oneCycle of three phases', { threePhases: true }],
  ] as const)('has the rates of PyTorch: %s', (name, options) => {
    const schedule = scheduleSchema.parse({ oneCycle: options });
    const wanted = peers.schedules[name];
    const rates = wanted.map((_, step) => learningRateAt(schedule, 0.4, step, wanted.length, 1));
    rates.forEach((rate, step) => {
      // Near the end PyTorch adds numbers that are 250,000 times as large.
      expect(Math.abs(rate - wanted[step])).toBeLessThan(1e-15 + 1e-12 * wanted[step]);
    });
  });

  it('needs no more than a step', () => {
    for (const total of [1, 2, 3, 5]) {
      for (const rise of [0.2, 0.5, 0.9]) {
        const schedule = scheduleSchema.parse({ oneCycle: { rise } });
        const rates = Array.from({ length: total }, (_, step) => learningRateAt(schedule, 1, step, total, 1));
        expect(rates.every((rate) => rate > 0 && rate <= 1)).toBe(true);
      }
    }
  });
});

describe('scheduleSchema', () => {
  it('takes a bare name for the defaults', () => {
    expect(scheduleSchema.parse('step')).toEqual({ step: { every: 10, unit: 'epochs', factor: 0.1, warmupSteps: 0 } });
    for (const name of ['constant', 'linear', 'cosine', 'step', 'exponential', 'plateau', 'wsd', 'oneCycle']) {
      expect(scheduleSchema.parse(name)).toEqual(scheduleSchema.parse({ [name]: {} }));
    }
  });

  it.each([
    'polynomial',
    { linear: { end: 2 } },
    { cosine: { warmupSteps: -1 } },
    { step: { every: 0 } },
    { exponential: { factor: 0 } },
    { constant: { end: 0 } },
    { wsd: { decay: 1.5 } },
    { wsd: { every: 3 } },
    { oneCycle: { rise: 1 } },
    { oneCycle: { divisor: 0.5 } },
    { oneCycle: { warmupSteps: 5 } },
    { oneCycle: { rise: 0.5, threePhases: true } },
  ])('refuses %j', (config) => {
    expect(scheduleSchema.safeParse(config).success).toBe(false);
  });

  it('describes itself as JSON Schema', () => {
    const text = JSON.stringify(z.toJSONSchema(scheduleSchema, { io: 'input', target: 'draft-7' }));
    for (const key of ['"warmupSteps"', '"enum":["epochs","steps"]', '"enum":["constant","linear"']) {
      expect(text).toContain(key);
    }
  });
});
