/** Tells open pages what has changed, by server-sent events. Whoever reads too slowly is let go, and asks again with what it saw last. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Pages that are told at once; one more is asked to come back. */
const mostStreams = 128;
/** Bytes that may wait for a reader. */
const mostWaiting = 1 << 18;
/** Changes that a page which comes back may have missed. */
const mostKept = 500;
/** Milliseconds between signs of life, which tell both sides that the other is there. */
const heartbeat = 15_000;

/** `grown`: curves are longer, and no more; `change`: anything else may be new. */
export type ChangeKind = 'change' | 'grown';

interface Change {
  readonly id: number;
  readonly kind: ChangeKind;
  /** Names. */
  readonly runs: readonly string[];
}

export class EventStreams {
  readonly #open = new Set<ServerResponse>();
  readonly #kept: Change[] = [];
  /** Others than those of a server that ran before: what it told last means nothing here. */
  readonly #era = Date.now().toString(36);
  #count = 0;
  readonly #timer = setInterval(() => this.#write(': still here\n\n'), heartbeat).unref();

  /** Whether somebody is told. */
  get isHeard(): boolean {
    return this.#open.size > 0;
  }

  /** Answers a request for the stream. */
  accept(request: IncomingMessage, response: ServerResponse): void {
    if (this.#open.size >= mostStreams) {
      response.writeHead(503, { 'retry-after': '5' }).end('too many pages are open');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: 2000\n\n${this.#missed(request.headers['last-event-id'])}`);
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
    response.on('error', () => this.#open.delete(response));
  }

  /** @param runs names of those that changed */
  tell(kind: ChangeKind, runs: readonly string[]): void {
    const change = { id: ++this.#count, kind, runs };
    this.#kept.push(change);
    if (this.#kept.length > mostKept) this.#kept.shift();
    this.#write(this.#textOf(change));
  }

  close(): void {
    clearInterval(this.#timer);
    for (const response of this.#open) response.destroy();
  }

  #textOf({ id, kind, runs }: Change): string {
    return `id: ${this.#era}-${id}\nevent: ${kind}\ndata: ${JSON.stringify(runs)}\n\n`;
  }

  /** What a page has to hear that says what it heard last: all of it where that is not known any more. */
  #missed(last: string | string[] | undefined): string {
    const [era, id] = typeof last === 'string' ? last.split('-') : [];
    const first = this.#kept[0]?.id ?? this.#count + 1;
    if (era !== this.#era || !(Number(id) >= first - 1)) {
      return `id: ${this.#era}-${this.#count}\nevent: reset\ndata: []\n\n`;
    }
    return this.#kept
      .filter((change) => change.id > Number(id))
      .map((change) => this.#textOf(change))
      .join('');
  }

  #write(text: string): void {
    for (const response of this.#open) {
      if (response.writableLength > mostWaiting) response.destroy();
      else response.write(text);
    }
  }
}
