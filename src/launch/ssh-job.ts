/** All ranks of a run over ssh: started together, watched, and ended together. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeDeath } from '../report/last-acts.js';
import { rankText } from './launch.js';
import { type RankEnd, SshRank, type SshRankOptions, type Stream } from './ssh-rank.js';

export interface SshJobOptions {
  /** Rank 0 first. */
  readonly ranks: readonly SshRankOptions[];
  readonly token: string;
  /** Told of each line of a rank, by the name of its host. */
  readonly said: (host: string, line: string, stream: Stream) => void;
  /** Told of a rank that has not ended well. */
  readonly warned: (message: string) => void;
  /** Ends all ranks in good order. */
  readonly signal: AbortSignal;
}

export interface SshJobEnd {
  /** Of the rank that failed, else of rank 0; undefined where it is not known. */
  readonly code: number | undefined;
  /** The rank that kept the run from its beginning or was rank 0, and why it ended as it did; none where all is well. */
  readonly failure: string | undefined;
}

/** Milliseconds that the others have after rank 0 until they are told to stop, and from there until their line is cut. */
const [farewell, grace] = [5000, 20_000];

export async function runOverSsh({ ranks, token, said, warned, signal }: SshJobOptions): Promise<SshJobEnd> {
  const running = new Map<number, SshRank>();
  let failure: string | undefined;
  let failed: RankEnd | undefined;
  const stop = () => {
    for (const rank of running.values()) rank.stop();
  };
  const kill = () => {
    for (const rank of running.values()) rank.kill();
  };
  const ended = (rank: number, end: RankEnd) => {
    const { code, isUnstarted, why } = end;
    running.delete(rank);
    if (!running.has(0) && rank !== 0) return;
    if (code === 0 || signal.aborted || failure !== undefined) return;
    const text = `${rankText(rank, ranks[rank].host.name)}: ${why}`;
    if (rank !== 0 && !isUnstarted) return warned(`${text}; a run that has begun goes on without it`);
    failure = text;
    failed = end;
    stop();
  };
  const ends = ranks.map(async (options, i) => {
    const rank = new SshRank(options, token, (line, stream) => said(options.host.name, line, stream));
    running.set(i, rank);
    const end = await rank.ended;
    ended(i, end);
    return end;
  });
  const forget = beforeDeath(kill);
  signal.addEventListener('abort', stop);
  try {
    const first = await ends[0];
    const all = Promise.all(ends);
    await within(all, farewell);
    stop();
    await within(all, grace);
    kill();
    await all;
    return { code: (failed ?? first).code, failure };
  } finally {
    signal.removeEventListener('abort', stop);
    forget();
  }
}

/** At most so many milliseconds. */
async function within(what: Promise<unknown>, milliseconds: number): Promise<void> {
  const over = new AbortController();
  await Promise.race([what, sleep(milliseconds, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
}
