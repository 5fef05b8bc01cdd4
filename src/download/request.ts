/**
 * One HTTP request: redirects, silence and faults of the network. On node:http, because `fetch` unpacks what a server
 * declares as `Content-Encoding: gzip`, and some declare that of .gz files.
 */
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

const MAXIMUM_REDIRECTS = 5;

const ALWAYS = { 'accept-encoding': 'identity', 'user-agent': 'lockstep' };

/**
 * Why a transfer failed.
 *
 * - `unreachable`: no answer came. Pointless to repeat, unless the server has answered before.
 * - `passing`: worth another try.
 * - `lasting`: the same again would have the same result.
 */
export class TransferFailure extends Error {
  constructor(
    readonly kind: 'unreachable' | 'passing' | 'lasting',
    message: string,
  ) {
    super(message);
  }
}

export interface RequestOptions {
  /** Longest silence of a server, in milliseconds. */
  readonly silence: number;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly response: IncomingMessage;
  /** Who answered, after redirects. */
  readonly host: string;
}

/**
 * Asks for `url` and follows redirects.
 *
 * @returns as soon as the answer's header is here
 * @throws TransferFailure naming the host
 */
export async function get(url: URL, headers: OutgoingHttpHeaders, options: RequestOptions): Promise<HttpAnswer> {
  let target = url;
  for (let hop = 0; hop <= MAXIMUM_REDIRECTS; hop++) {
    const response = await send(target, headers, options);
    const { statusCode = 0, headers: answered } = response;
    const { location } = answered;
    if (![301, 302, 303, 307, 308].includes(statusCode) || !location) return { response, host: target.host };
    response.destroy();
    target = redirected(location, target);
  }
  throw new TransferFailure('lasting', `${url.host} redirects more than ${MAXIMUM_REDIRECTS} times`);
}

function redirected(location: string, from: URL): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (target?.protocol === 'https:' || target?.protocol === 'http:') return target;
  throw new TransferFailure('lasting', `${from.host} redirects to ${JSON.stringify(location)}`);
}

function send(url: URL, headers: OutgoingHttpHeaders, { silence, signal }: RequestOptions): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const call = request(url, { headers: { ...ALWAYS, ...headers }, signal });
    const timer = setTimeout(() => {
      call.destroy(new TransferFailure('unreachable', `${url.host} has not answered for ${silence / 1000} s`));
    }, silence);
    call.on('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    call.on('error', (error) => {
      clearTimeout(timer);
      reject(failureOf(error, url.host));
    });
    call.end();
  });
}

/**
 * The pieces of an answer as they come.
 *
 * @throws TransferFailure if the connection breaks or is silent for too long; the caller knows how much came before
 */
export async function* pieces({ response, host }: HttpAnswer, { silence }: RequestOptions): AsyncGenerator<Buffer> {
  const stalled = () =>
    response.destroy(new TransferFailure('passing', `${host} has sent nothing for ${silence / 1000} s`));
  let timer = setTimeout(stalled, silence);
  try {
    for await (const piece of response) {
      // The time that the receiver takes is not the server's.
      clearTimeout(timer);
      yield piece as Buffer;
      timer = setTimeout(stalled, silence);
    }
  } catch (error) {
    throw failureOf(error as Error, host);
  } finally {
    clearTimeout(timer);
  }
}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'has no address: no network, or no such name',
  EAI_AGAIN: 'has no address: no network, or no name server',
  ECONNREFUSED: 'refuses the connection',
  ENETUNREACH: 'is out of reach: no network',
  EHOSTUNREACH: 'is out of reach',
  ETIMEDOUT: 'does not answer',
};

function failureOf(error: Error, host: string): TransferFailure {
  if (error instanceof TransferFailure) return error;
  const { code = error.message } = error as NodeJS.ErrnoException;
  if (Object.hasOwn(UNREACHABLE, code)) {
    return new TransferFailure('unreachable', `${host} ${UNREACHABLE[code]} (${code})`);
  }
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    const hint = 'NODE_EXTRA_CA_CERTS=file.pem adds an authority to trust';
    return new TransferFailure('lasting', `the TLS certificate of ${host} cannot be trusted (${code}; ${hint})`);
  }
  return new TransferFailure('passing', `the connection to ${host} broke (${code})`);
}
