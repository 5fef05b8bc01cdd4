/** Rank 0 of `lockstep join`: a coordinator that the other ranks find, and that goes on with the run of its job where there is one. */
import { existsSync, rmdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { strangerTold } from '../coordinator/world/admission.js';
import type { CoordinateOptions } from '../coordinator/world/coordinate.js';
import { loadRunConfig } from '../src/config/load-config.js';
import { LockstepError, RunBusyError, RunCompleteError, WireError } from '../src/errors.js';
import { typedWords } from '../src/ground/shell-words.js';
import { Announcer } from '../src/launch/announcer.js';
import { bindingWarning } from '../src/launch/binding.js';
import { type Launch, rankName, rankText } from '../src/launch/launch.js';
import { makeJobFolder } from '../src/launch/rendezvous.js';
import type { EndEvent, Reporter, RunEvent } from '../src/report/events.js';
import { type JobStart, lockRun, type RunLock } from '../src/report/run-lock.js';
import { generateToken } from '../src/wire/handshake.js';
import { inJob } from '../src/wire/mpi/mpi-library.js';
import { hostAndPort } from '../src/wire/url.js';
import type { JoinRequest } from './join-request.js';
import { withMetrics } from './metrics.js';
import { startAgain, trainUntilInterrupted } from './running.js';

/**
 * Milliseconds that the other ranks have to be gone before rank 0 is. Where that fails, srun ends them by SIGTERM: of a process that is
 * past its last handler it makes the exit code 143, which then is that of all.
 */
const farewell = 700;

type Watch = Required<Pick<CoordinateOptions, 'report' | 'signal' | 'goOn'>>;

export async function joinAsCoordinator(launch: Launch, request: JoinRequest): Promise<void> {
  let isResumable = false;
  const train = async (watch: Watch) => {
    try {
      const end = await withMetrics(request.metrics, watch, (watched) => new Leader(launch, request, watched).run());
      isResumable = end?.interrupted === true;
      return end;
    } catch (error) {
      isResumable = error instanceof WireError || (watch.signal.aborted && error === watch.signal.reason);
      throw error;
    }
  };
  const goOn = (run: string) => onward(run, request);
  await trainUntilInterrupted({ json: request.json, goOn, isScheduled: true }, train);
  if (!isResumable || !process.exitCode) return;
  process.exitCode = startAgain;
  // mpirun gives a second at most.
  if (launch.endsAsOne && launch.size > 1 && !inJob()) await sleep(farewell);
}

/** What to change in a command that is not known as it was typed: a launcher stands in front of it. */
function onward(run: string, { resume, isOutGiven }: JoinRequest): string {
  if (resume !== undefined) return 'the same command';
  return `--resume ${typedWords([run])} in place of the config${isOutGiven ? ', and without --out' : ''}, in the same command`;
}

class Leader {
  readonly #launch: Launch;
  readonly #request: JoinRequest;
  readonly #watch: Watch;
  readonly #token: string;
  /** What kept ranks out, by their names. */
  readonly #troubles = new Map<string, string>();
  /** What kept somebody out last whose name is not known: the token is not the same, or the version. */
  #stranger = '';
  /** Names of ranks that have come so far. */
  readonly #come = new Set<string>();
  #announcer: Announcer | undefined;

  constructor(launch: Launch, request: JoinRequest, watch: Watch) {
    this.#launch = launch;
    this.#request = request;
    this.#watch = watch;
    this.#token = request.meeting.token ?? generateToken();
  }

  async run(): Promise<EndEvent | undefined> {
    const { job, folder } = this.#request.meeting;
    if (job === undefined) return this.#announced(undefined, this.#watch.signal);
    const start: JobStart = { job, restarts: this.#launch.restarts };
    const lock = await this.#whenFree(() => lockJob(folder!, start));
    const superseded = new AbortController();
    lock.onLoss = () => superseded.abort();
    try {
      const end = await this.#announced(start, AbortSignal.any([this.#watch.signal, superseded.signal]));
      lock.throwIfLost();
      return end;
    } catch (error) {
      // An earlier start of a job has lost more than what it noticed first.
      lock.throwIfLost();
      throw error;
    } finally {
      giveBack(lock, folder!);
    }
  }

  /** With word to the others of how it goes. */
  async #announced(job: JobStart | undefined, signal: AbortSignal): Promise<EndEvent | undefined> {
    const { notice } = this.#request.meeting;
    if (notice !== undefined && this.#launch.size > 1) this.#announcer = new Announcer(notice, this.#launch.host);
    try {
      const end = await this.#train(job, signal);
      const why = end ? undefined : { exitCode: 0, message: 'the run is complete', remedy: '' };
      await this.#announcer?.end(why, signal);
      return end;
    } catch (error) {
      const why = error instanceof LockstepError ? error : undefined;
      const exitCode = why instanceof WireError || !why ? startAgain : why.exitCode;
      const { problem: message = 'it was stopped', remedy = 'see its own output' } = why ?? {};
      await this.#announcer?.end({ exitCode, message, remedy }, signal);
      throw error;
    }
  }

  async #train(job: JobStart | undefined, signal: AbortSignal): Promise<EndEvent | undefined> {
    const { file, resume, out, set } = this.#request;
    const message = bindingWarning(this.#launch);
    if (message !== undefined) this.#watch.report({ event: 'warning', message });
    const { coordinate, resumeCoordinating } = await import('../coordinator/world/coordinate.js');
    const { runOfJob } = await import('../coordinator/world/address.js');
    const options = this.#options(job, signal);
    const begun = resume === undefined && job ? runOfJob(out, job.job) : undefined;
    if (resume !== undefined) return this.#whenFree(() => resumeCoordinating(resume, { ...options, set }));
    if (begun === undefined) return coordinate(loadRunConfig(file!, set), { ...options, out });
    try {
      return await this.#whenFree(() => resumeCoordinating(begun, options));
    } catch (error) {
      if (!(error instanceof RunCompleteError)) throw error;
      this.#watch.report({ event: 'warning', message: `${error.problem}: this job has nothing left to do` });
      return undefined;
    }
  }

  #options(job: JobStart | undefined, signal: AbortSignal) {
    const { size } = this.#launch;
    const { threads, steps, ledger, trace, timeout, allowMixedNumerics, tls, meeting } = this.#request;
    return {
      ...{ threads, steps, ledger, trace, allowMixedNumerics, tls, job, signal },
      host: size > 1 ? '0.0.0.0' : '127.0.0.1',
      port: meeting.port,
      token: this.#token,
      minWorkers: size - 1,
      minWorkersLater: 0,
      report: this.#report,
      goOn: this.#watch.goOn,
      arrival: { seconds: timeout, ranks: size, missed: (names: readonly string[]) => this.#missed(names) },
    };
  }

  readonly #report: Reporter = (event) => {
    this.#watch.report(event.event === 'listening' ? this.#opened(event) : event);
    if (event.event === 'warning' && event.message.startsWith(strangerTold)) this.#stranger = `; ${event.message}`;
    if (event.event === 'worker' && event.change === 'joined') this.#joined(event.name);
    if (event.event === 'worker' && event.reason !== null) {
      this.#troubles.set(event.name, `${event.change}: ${event.reason}`);
    }
  };

  /** Ranks that the launcher does not start again find the way but once, and a start that is killed then leaves nothing. */
  #joined(name: string): void {
    this.#come.add(name);
    if (this.#request.meeting.job === undefined && this.#come.size === this.#launch.size - 1)
      this.#announcer?.allCame();
  }

  /** Tells the ranks where to come. Nobody else is to come, so nobody else is told how. */
  #opened(event: Extract<RunEvent, { event: 'listening' }>): RunEvent {
    const [, scheme, port] = /^(\w+):.*:(\d+)\/?$/.exec(event.url)!;
    this.#announcer?.listening(
      this.#hosts(new URL(event.url).hostname).map((host) => `${scheme}://${hostAndPort(host, Number(port))}`),
      this.#token,
    );
    return { ...event, join: null, note: null };
  }

  /** Names and addresses of this machine, the likeliest first; the last one serves ranks beside this one. */
  #hosts(address: string): string[] {
    const { coordinator, host } = this.#launch;
    const names = [coordinator?.host, host, hostname(), address, '127.0.0.1'];
    return [...new Set(names.filter((name) => name !== undefined))];
  }

  /** @param names of those that are there */
  #missed(names: readonly string[]): WireError {
    const { size, hosts } = this.#launch;
    const missing = Array.from({ length: size - 1 }, (_, i) => i + 1).filter(
      (rank) => !names.some((name) => name.startsWith(rankName(rank, ''))),
    );
    const list = missing.map((rank) => {
      const trouble = [...this.#troubles].findLast(([name]) => name.startsWith(rankName(rank, '')));
      return rankText(rank, hosts?.[rank]) + (trouble ? `, ${trouble[1]}` : '');
    });
    return new WireError(
      `of ${size} ranks these have not come within ${this.#request.timeout} s: ${list.join('; ')}${this.#stranger}`,
      'see what they say themselves, and start the job again; a longer --timeout waits on',
    );
  }

  /** Waits for another process to be done with the run. @throws RunBusyError when that takes longer than --timeout */
  async #whenFree<Result>(act: () => Result | Promise<Result>): Promise<Result> {
    const { timeout } = this.#request;
    const { signal, report } = this.#watch;
    const started = performance.now();
    for (let isTold = false; ; isTold = true) {
      try {
        return await act();
      } catch (error) {
        const isLate = timeout > 0 && performance.now() - started > timeout * 1000;
        if (!(error instanceof RunBusyError) || isLate) throw error;
        if (!isTold) report({ event: 'warning', message: `${error.problem}: this one waits for its end` });
        await sleep(1000, undefined, { signal }).catch(() => signal.throwIfAborted());
      }
    }
  }
}

/** An earlier start that ends meanwhile takes away the folder that both have made. */
function lockJob(folder: string, start: JobStart): RunLock {
  for (;;) {
    makeJobFolder(folder);
    try {
      return lockRun(folder, start);
    } catch (error) {
      if (existsSync(folder)) throw error;
    }
  }
}

function giveBack(lock: RunLock, folder: string): void {
  lock.release();
  try {
    rmdirSync(folder);
  } catch {
    // Another start of the job is there.
  }
}
