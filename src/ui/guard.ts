/**
 * Who may ask: nobody by another name of this machine than it was told (a name that somebody else's server can point here), no page of
 * another origin, and where others than this machine can connect only who knows the token. Whoever wants something done always needs it.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

export interface GuardOptions {
  readonly token: string;
  /** Whether only this machine can connect. */
  readonly isLocal: boolean;
  /** What the page was told to listen on, which may be a name. */
  readonly host: string;
}

export interface Refusal {
  readonly status: 401 | 403;
  readonly problem: string;
}

/** Name of the cookie by which a browser reads, once it has shown the token. */
const cookieName = 'lockstep-ui';

export class Guard {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** The cookie of whoever has shown the token: not sent along with requests that another site makes. */
  get cookie(): string {
    return `${cookieName}=${digest(this.#options.token).toString('hex')}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** Whether the request comes from a page of another place, or under a name that is none of ours. */
  refuseStranger({ headers }: IncomingMessage): Refusal | undefined {
    if (!this.#isOwnName(headers.host)) return { status: 403, problem: 'the name in Host is none of this server' };
    const { origin } = headers;
    if (origin !== undefined && origin !== `http://${headers.host}`) {
      return { status: 403, problem: 'a page of another origin may not ask' };
    }
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none' && headers['sec-fetch-mode'] !== 'navigate') {
      return { status: 403, problem: 'a page of another site may not ask' };
    }
    return undefined;
  }

  /** Whether it may not read. */
  refuseReader(request: IncomingMessage): Refusal | undefined {
    if (this.#options.isLocal || this.hasToken(request) || this.#hasCookie(request)) return undefined;
    return { status: 401, problem: 'the token is missing or wrong' };
  }

  /** Whether it brings the token itself, as everything that does something must. */
  hasToken({ headers }: IncomingMessage): boolean {
    const [, given] = /^Bearer (.{1,512})$/.exec(headers.authorization ?? '') ?? [];
    return given !== undefined && timingSafeEqual(digest(given), digest(this.#options.token));
  }

  #hasCookie({ headers }: IncomingMessage): boolean {
    const [, given] = new RegExp(`(?:^|; )${cookieName}=([0-9a-f]{64})(?:;|$)`).exec(headers.cookie ?? '') ?? [];
    return given !== undefined && timingSafeEqual(Buffer.from(given, 'hex'), digest(this.#options.token));
  }

  /** Numbers are no names that somebody could point elsewhere. */
  #isOwnName(given: string | undefined): boolean {
    const [, name] = /^(.+?)(?::\d+)?$/.exec(given ?? '') ?? [];
    if (name === undefined) return false;
    return name === 'localhost' || name === this.#options.host || isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  }
}

/** Of equal length, so that the time of comparing tells nothing. */
const digest = (text: string): Buffer => createHash('sha256').update(`lockstep-ui ${text}`).digest();
