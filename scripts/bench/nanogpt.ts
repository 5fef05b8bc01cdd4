/**
 * `npm run bench -- nanogpt`: the time until a small language model of characters has its validation loss, of `lockstep train
 * scripts/peers/nanogpt.yaml` beside scripts/peers/torch_nanogpt.py: whole processes, in turn.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EpochEvent, RunEvent } from '../../src/report/events.js';
import { MeasurementError, measure, median } from './measurement.js';
import { lockstep } from './program.js';
import { type Probe, playRounds } from './rounds.js';
import { type Row, rowTable } from './rows.js';
import { machine, table } from './table.js';
import { findPeers, type Peer, type Python, peerProgram } from './torch.js';

export interface NanogptOptions {
  /** How often each is run. */
  readonly pairs: number;
  /** Of both. */
  readonly threads: number;
  readonly pythons: readonly Python[];
  /** The text: tinyshakespeare. */
  readonly file: string;
}

/** Nats a character, as nanoGPT's README has it; and what of PyTorch's time ours may take. */
const targets = { loss: 1.88, time: 0.8 };
/** Seconds that a run takes at most. */
const longest = 1200;
const config = fileURLToPath(new URL('../../../scripts/peers/nanogpt.yaml', import.meta.url));

interface Run {
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** Of the processor, of all its threads. */
  readonly cpu: number;
  readonly loss: number;
  readonly software: string;
}

async function timed(run: () => Promise<Omit<Run, 'seconds' | 'cpu'>>): Promise<Run> {
  const [cpu, started] = [childrenSeconds(), performance.now()];
  const { loss, software } = await run();
  return { seconds: (performance.now() - started) / 1000, cpu: childrenSeconds() - cpu, loss, software };
}

/** Seconds of the processor of processes that have ended; Linux only. */
function childrenSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  // Clock ticks of user and system, 100 a second.
  return (Number(stat[13]) + Number(stat[14])) / 100;
}

const oursProbe = (file: string, threads: number): Probe<Run> => ({
  key: 'nanogpt, lockstep train',
  measure: () =>
    timed(async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
      try {
        const set = [`data.file=${file}`, `training.shards=${threads}`].flatMap((one) => ['--set', one]);
        const args = ['train', config, ...set, '--threads', String(threads), '--out', folder];
        let last: EpochEvent | undefined;
        const { code, errors } = await lockstep<RunEvent>(args, folder, (event) => {
          if (event.event === 'epoch') last = event;
        }).ended;
        if (code !== 0 || !last?.validation) throw new MeasurementError(`lockstep train ended with ${code}: ${errors}`);
        return { loss: last.validation.loss, software: 'Lockstep' };
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }),
});

/** With nanoGPT's initial weights and steps; and with those of Lockstep, which need fewer. */
const starts = ['nanogpt', 'lockstep'] as const;

const torchProbe = ({ name, python }: Peer, start: string, file: string, threads: number): Probe<Run> => ({
  key: `nanogpt, ${name}, weights of ${start}`,
  measure: () =>
    timed(() => measure<Run>(python, [peerProgram('torch_nanogpt.py'), file, String(threads), start], longest)),
});

/** Runs alternate; prints and returns what they took. */
export async function benchNanogpt({ pairs, threads, pythons, file }: NanogptOptions): Promise<object> {
  const text = resolve(file);
  const where = machine();
  process.stdout.write(`${where}\n${pairs} rounds, ${threads} thread(s) each\n\n`);
  const ours = oursProbe(text, threads);
  const theirs = findPeers(pythons).flatMap((peer) =>
    starts.map((start) => ({
      name: `${peer.name}, weights of ${start}`,
      probe: torchProbe(peer, start, text, threads),
    })),
  );
  const measured = await playRounds(pairs, [ours, ...theirs.map(({ probe }) => probe)]);
  const rows = theirs.map(({ name, probe }): Row => {
    const its = measured.of(probe);
    const peer = { name, software: its[0].software, values: its.map(({ seconds }) => seconds) };
    const own = measured.of(ours).map(({ seconds }) => seconds);
    return { section: 'nanogpt', what: 'time to the loss', unit: 's', ours: own, peer, target: targets.time };
  });
  const lines = [{ name: 'Lockstep', probe: ours }, ...theirs].map(({ name, probe }) => {
    const of = (value: (run: Run) => number) => median(measured.of(probe).map(value));
    const loss = of((run) => run.loss);
    const verdict = loss <= targets.loss ? `at most ${targets.loss}` : `MORE THAN ${targets.loss}`;
    const [seconds, cpu] = [of((run) => run.seconds), of((run) => run.cpu)];
    return [name, loss.toFixed(4), verdict, seconds.toFixed(1), cpu.toFixed(1)];
  });
  if (rows.length > 0) process.stdout.write(`${rowTable(rows)}\n`);
  process.stdout.write(table(['', 'loss', '', 'seconds', 'cpu seconds'], lines));
  return { machine: where, pairs, threads, rows, measured };
}
