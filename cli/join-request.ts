/** What a rank of `lockstep join` is asked to do: its place in the job, and the options, checked. */
import { hostname } from 'node:os';
import { ConfigError } from '../src/errors.js';
import { coresFor } from '../src/launch/binding.js';
import { findLaunch, jobName, type LaunchFlags } from '../src/launch/launch.js';
import { holdLifeLine } from '../src/launch/life-line.js';
import { meetingOf } from '../src/launch/meeting.js';
import { performLastActs } from '../src/report/last-acts.js';
import { isHost } from '../src/wire/url.js';
import { metricsFlags } from './metrics.js';
import { authority, checkRankFiles, pair } from './network.js';
import { tellMistake } from './outcome.js';
import { checkResume, sealed, stepLimit, threadCount, timeoutOf, wholeNumber } from './running.js';
import type { RunFlags, SharedFlags } from './shared-options.js';

export interface JoinFlags
  extends RunFlags,
    Pick<SharedFlags, 'cache' | 'timeout' | 'allowMixedNumerics' | 'tlsCert' | 'tlsKey' | 'tlsCa'> {
  readonly rank?: string;
  readonly size?: string;
  readonly coordinator?: string;
  readonly job?: string;
  readonly lifeLine?: boolean;
}

/** What all ranks know before they meet. */
export type JoinRequest = NonNullable<Awaited<ReturnType<typeof prepareRank>>>['request'];

/** Undefined where it cannot begin, which is told then: by every rank, as no other can do it. */
export async function prepareRank(file: string | undefined, flags: JoinFlags) {
  try {
    const token = flags.lifeLine ? await holdLifeLine(process.stdin, { stopped, cut }) : undefined;
    const launch = findLaunch(process.env, launchFlags(flags), hostname());
    const { resume, out = 'runs', json, cache, ledger, trace, allowMixedNumerics } = flags;
    const set = [...(flags.set ?? []), ...sealed(flags)];
    if (resume !== undefined) checkResume(resume, file, flags.out);
    const meeting = meetingOf(
      launch,
      [resume ?? file!, ...set],
      out,
      token ?? (process.env.LOCKSTEP_TOKEN || undefined),
    );
    const request = {
      isOutGiven: flags.out !== undefined,
      ...{ file, resume, out, json, cache, ledger, trace, allowMixedNumerics, set, meeting },
      threads:
        flags.threads === undefined ? Math.min(coresFor(launch), threadCount(undefined)) : threadCount(flags.threads),
      steps: stepLimit(flags.steps),
      timeout: timeoutOf(flags.timeout) ?? 600,
      /** Whether what started it watches over all ranks, by their life lines. */
      isWatched: flags.lifeLine === true,
      metrics: metricsFlags(flags),
      ...encryption(flags),
    };
    return { launch, request };
  } catch (error) {
    const name = process.env.SLURMD_NODENAME ?? hostname();
    tellMistake(error, ({ message, remedy, code }) =>
      process.stderr.write(`${name}: error: ${message}\n${name}: remedy: ${remedy}\n${code}\n`),
    );
    return undefined;
  }
}

/** @throws ConfigError when a part of it is missing, or no PEM */
function encryption(flags: JoinFlags) {
  checkRankFiles(flags);
  const tls = pair(flags);
  return { tls, ca: authority(flags.tlsCa) ?? (tls && firstOf(tls.cert)) };
}

/** A file may have those after it that signed it, whose other certificates are not ours. */
const firstOf = (cert: string): string =>
  /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(cert)?.[0] ?? cert;

/** As a scheduler says it. */
const stopped = (): void => void process.emit('SIGTERM', 'SIGTERM');

function cut(): void {
  performLastActs();
  process.kill(process.pid, 'SIGKILL');
}

function launchFlags({ rank, size, coordinator, job }: JoinFlags): LaunchFlags {
  return {
    rank: rank === undefined ? undefined : wholeNumber('--rank', rank, 0, 4095, 'ranks count from 0'),
    size: size === undefined ? undefined : wholeNumber('--size', size, 1, 4096, 'give the number of ranks'),
    coordinator: coordinator === undefined ? undefined : hostAndPortOf(coordinator),
    job: job === undefined ? undefined : jobName('--job ', job),
  };
}

/** `host`, `host:port` or `[2001:db8::1]:port`. */
export function hostAndPortOf(text: string): LaunchFlags['coordinator'] {
  const found = /^(?:\[([\da-f:.]+)\]|([^[\]:/\s]+))(?::(\d{1,5}))?$/i.exec(text);
  const port = found?.[3] === undefined ? undefined : Number(found[3]);
  const isPort = port === undefined || (port > 0 && port < 65536);
  if (found && isPort && isHost(found[1] ?? found[2])) return { host: found[1] ?? found[2], port };
  throw new ConfigError(`--coordinator ${text}: is no address`, 'give HOST or HOST:PORT, such as node1:7474');
}
