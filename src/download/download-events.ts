/** What a download tells, in the order in which it happens. */
import type { ErrorEvent, WarningEvent } from '../report/events.js';

/** What has to be got. Not sent when nothing has. */
interface DownloadStart {
  event: 'start';
  dir: string;
  files: number;
  /** That are still to come. */
  bytes: number;
}

/** A file that is there already and right. */
interface KeptEvent {
  event: 'kept';
  file: string;
  bytes: number;
}

/** A server has begun to send a file, or the rest of one. */
interface RequestEvent {
  event: 'request';
  file: string;
  host: string;
  /** Bytes that an earlier try has left; 0 for a fresh start. */
  from: number;
  bytes: number;
}

/** With every piece that arrives, for people who watch. */
export interface DownloadProgress {
  event: 'progress';
  file: string;
  /** That are here, of how many. */
  received: number;
  bytes: number;
  bytesPerSecond: number;
}

/** A file is whole, has the right SHA-256 and its final name. */
interface FileEvent {
  event: 'file';
  file: string;
  bytes: number;
  sha256: string;
}

/** An archive has become IDX files and is gone. */
interface ConvertedEvent {
  event: 'converted';
  archive: string;
  files: readonly string[];
}

/** Once, unless the download fails. */
interface DownloadEnd {
  event: 'end';
  dir: string;
  interrupted: boolean;
  /** The command to go on with. */
  next: string;
}

export type DownloadEvent =
  | DownloadStart
  | KeptEvent
  | RequestEvent
  | DownloadProgress
  | FileEvent
  | ConvertedEvent
  | WarningEvent
  | DownloadEnd
  | ErrorEvent;

export type DownloadReporter = (event: DownloadEvent) => void;
