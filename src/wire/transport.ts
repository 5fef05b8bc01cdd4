/**
 * What carries connections: the one thing that a kind of network has to do. A transport brings frames to the other side, whole
 * and in order; all else (who may take part, numbers, checks, pace, signs of life, endings) is done once for all of them, by
 * listen.ts, dial.ts and framed-connection.ts. Each transport has a folder of its own (websocket/), and is proven by the
 * suite in test/wire/transports/.
 */
import type { LockstepError } from '../errors.js';
import type { Landing } from '../reduce/landings.js';

/** Called when a frame is with the operating system and its bytes may change again; with an error, or never, if it was lost. */
export type Sent = (error?: Error | null) => void;

/** One end of a line that carries frames. */
export interface Channel {
  /** The machine of the other side. */
  readonly host: string;
  /** The other side's end, for people: host and port. */
  readonly address: string;
  /** Rank of the other side, where both are known to be of one job of a message-passing library. */
  readonly rank?: number;
  /** Sends a frame behind those before; lost if the channel is ending. @param frame nobody else uses it */
  send(frame: Uint8Array, sent: Sent): void;
  /** Sends a frame of two parts from where they lie: they stay as they are until `sent` is called. */
  sendSlab(header: Uint8Array, payload: Uint8Array, sent: Sent): void;
  /** Stops to read, so that the other side has to wait as soon as what is on its way has come. */
  pause(): void;
  /** Reads on; also where it was not paused. */
  resume(): void;
  /** The other side has proven who it is: limits for strangers end. */
  admitted(): void;
  /** Ends it once all is sent, or after 2 s. @param cause whether the other side broke the rules */
  close(cause: 'done' | 'violation'): void;
  /** Ends it at once. */
  terminate(): void;
}

/** What a channel tells, in the order in which it happens, and never before the function that opens it has returned. */
export interface ChannelEvents {
  /** So many bytes have come, of whatever: also of a frame that is not whole. */
  arrived(bytes: number): void;
  /** A frame, which nobody else uses. */
  frame(frame: Buffer): void;
  /** A slab frame that was received in a landing; its bytes are overwritten as soon as this returns. */
  landed(frame: Uint8Array): void;
  /** Where slab frames may be received instead of in memory of the channel's own, once some have come; it gives it back. */
  landing(): Landing | undefined;
  /** Something came that is no frame. */
  unreadable(problem: string): void;
  /** It cannot go on; `closed` follows. */
  failed(problem: string): void;
  /** It is gone: the last event, which always comes, once. @param problem how the other side ended it, or that it was lost */
  closed(problem: string): void;
}

/** Begins to read from a line that is there. To be called at once, or what comes is lost. */
export type OpenChannel = (events: ChannelEvents) => Channel;

/** First part of the URLs of a transport: without encryption, and with it. */
export interface Schemes {
  readonly plain: string;
  readonly encrypted: string;
}

/** Certificate and private key in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Where to listen. */
export interface ListenAt {
  /** As `locate` said. */
  readonly address: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Makes it one for encrypted channels only. */
  readonly tls?: Certificate;
  /** Seconds until a channel is dropped that is not admitted. */
  readonly patience: number;
}

/** Who hears of those that connect. */
export interface Doorkeeper {
  came(open: OpenChannel): void;
  /** Somebody could not connect for a reason of this machine. */
  failed(error: LockstepError): void;
}

/** A place where channels are accepted. */
export interface Door {
  readonly port: number;
  /** Accepts no more, drops those that are not admitted; resolves when all channels are gone. */
  close(): Promise<void>;
}

/** A way to carry lines: how to listen, and how to call who listens. */
export interface Transport {
  /** How its URLs begin. */
  readonly schemes: Schemes;

  /**
   * The address that a name of a host of this machine stands for, and whether only this machine can connect there.
   * @throws ConfigError when the name is not known
   */
  locate(host: string): Promise<{ readonly address: string; readonly isLocal: boolean }>;

  /** @throws ConfigError when it cannot listen there, or `tls` is not a certificate and its key */
  accept(place: ListenAt, doorkeeper: Doorkeeper): Promise<Door>;

  /**
   * @param ca PEM of the only authority, or the only certificate, that is trusted where the URL is one with encryption
   * @param signal ends the attempt, which then rejects with the signal's reason
   * @param opened is given the channel; nothing is rejected after that
   * @throws ConfigError when `ca` is no certificate
   * @throws RefusedError when trying again is pointless
   * @throws WireError when trying again can help
   */
  connect(url: URL, ca: string | undefined, signal: AbortSignal, opened: (open: OpenChannel) => void): Promise<void>;

  /**
   * The address of this machine by which it reaches a URL: other workers reach it there too, as a rule.
   * @param signal ends the attempt
   * @throws WireError when it cannot be reached
   */
  ownHost(url: URL, signal: AbortSignal): Promise<string>;
}
