/** Faults drawn at random, the next one before the last is over: the result is that of a quiet run. */
import { type Chaos, chaosConfig, chaotic, quietOutcome } from '../support/chaos.js';
import { type Kind, phases } from '../support/faults.js';
import { skipIf } from '../support/skip-if.js';

const given = process.env.LOCKSTEP_CHAOS_SEED;
const seed = Number(given);
const faults = 15;
const config = chaosConfig('star', 24);

const kinds: readonly Kind[] = [
  ...(['SIGKILL', 'SIGSTOP', 'coordinator SIGKILL', 'closed socket', 'truncated frame'] as const),
  ...(['corrupted payload', 'corrupted header', 'black hole', 'duplicated frame', 'delayed frames'] as const),
];
/** A star has no links between workers, and a worker that is left alone while it says hello waits ten seconds. */
const drawn = phases.filter((phase) => phase !== 'exchanging with a peer' && phase !== 'joining');

/** A small generator of even numbers: xorshift32. */
function drawer(seed: number): <T>(from: readonly T[]) => T {
  let state = seed * 2654435769 || 1;
  return (from) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return from[(state >>> 0) % from.length];
  };
}

/** The suite has no time for these besides those of every phase. */
skipIf(given === undefined && 'faults drawn at random take LOCKSTEP_CHAOS_SEED=1').it(
  `${faults} faults of seed ${seed}: weights and metrics are those of a quiet run`,
  async () => {
    const draw = drawer(seed);
    const strikes = async (chaos: Chaos) => {
      for (let i = 0; i < faults; i++) {
        const [kind, phase, name] = [draw(kinds), draw(drawn), draw(['a', 'b'])];
        console.log(`${kind} of ${name} while ${phase}`);
        await chaos.strike(kind, phase, name);
      }
    };
    await chaotic(config, await quietOutcome(config), strikes, ['a', 'b', 'coordinator']);
  },
);
