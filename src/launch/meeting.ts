/** How the ranks of a job meet: at an address that all know, or at the one that rank 0 writes into the folder that they share. */
import { ConfigError } from '../errors.js';
import { hostAndPort } from '../wire/url.js';
import { commonName, type Launch, portFor } from './launch.js';
import { jobFolder, noticeFile } from './rendezvous.js';

export interface Meeting {
  /** Of the job, where it has one: the same in each of its starts. */
  readonly job: string | undefined;
  /** Folder of what belongs to it while it runs; none where nothing has to be left there. */
  readonly folder: string | undefined;
  /** The file of this start in which rank 0 says where it listens; none where all know it. */
  readonly notice: string | undefined;
  /** What all know already. */
  readonly token: string | undefined;
  readonly url: string | undefined;
  /** Where rank 0 is to listen; 0 for any port that is free. */
  readonly port: number;
}

/**
 * @param command the config, and what is set in it, as all ranks are given them
 * @param out folder that receives the run's
 * @param token that the environment gives to all ranks
 * @throws ConfigError when there is no way to meet
 */
export function meetingOf(launch: Launch, command: readonly string[], out: string, token: string | undefined): Meeting {
  const { coordinator, session, size, restarts } = launch;
  const job = launch.job === undefined ? undefined : commonName(launch.job, command);
  const common = job ?? (session === undefined ? undefined : commonName(session, command));
  const folder = common === undefined ? undefined : jobFolder(out, common);
  if (token !== undefined && coordinator !== undefined) {
    const port = coordinator.port ?? (common === undefined ? 7474 : portFor(common));
    const url = hostAndPort(coordinator.host, port);
    return { job, folder: job === undefined ? undefined : folder, notice: undefined, token, url, port };
  }
  if (folder === undefined && size > 1) {
    throw new ConfigError(
      `${launch.by} gives this job no name, so its ${size} ranks could take those of another for their own`,
      'give --job NAME, another for every job, or set LOCKSTEP_TOKEN and give --coordinator HOST:PORT, to every rank alike',
    );
  }
  const start = [session, restarts].filter((part) => part !== undefined).join('-') || undefined;
  const notice = folder === undefined ? undefined : noticeFile(folder, start);
  return { job, folder, notice, token, url: undefined, port: coordinator?.port ?? 0 };
}
