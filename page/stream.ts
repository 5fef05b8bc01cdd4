/**
 * One stream for all tabs: a browser opens six connections to a server and no more, and a stream holds one for good. Runs as a shared
 * worker; where a browser has none, each tab has a stream of its own.
 */

/** What is passed on: `change` with names of runs, `grown` where that is true of their curves alone, `reset` where anything may have changed, `open` and `lost`. */
export interface StreamMessage {
  readonly kind: 'change' | 'grown' | 'reset' | 'open' | 'lost';
  readonly runs: readonly string[];
}

/** Milliseconds until a stream that the server refused is asked for again: the browser itself gives up. */
const patience = 3000;

/** @returns ends it */
function listen(tell: (message: StreamMessage) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const begin = () => {
    const source = new EventSource('/api/events');
    source.onopen = () => tell({ kind: 'open', runs: [] });
    source.onerror = () => {
      tell({ kind: 'lost', runs: [] });
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(() => {
        opened = begin();
      }, patience);
    };
    for (const kind of ['change', 'grown', 'reset'] as const) {
      source.addEventListener(kind, ({ data }) => tell({ kind, runs: JSON.parse(data) }));
    }
    return source;
  };
  let opened = begin();
  return () => {
    clearTimeout(timer);
    opened.close();
  };
}

/** What a page tells the worker of itself. */
type Standing = 'seen' | 'hidden' | 'closed';

if (typeof document === 'undefined') {
  const ports = new Set<MessagePort>();
  /** Those that somebody sees: without any the server need not look. */
  const seen = new Set<MessagePort>();
  let last: StreamMessage = { kind: 'lost', runs: [] };
  let end: (() => void) | undefined;
  const tell = (message: StreamMessage) => {
    if (message.kind !== 'change' && message.kind !== 'grown') last = message;
    for (const port of ports) port.postMessage(message);
  };
  const take = (port: MessagePort, standing: Standing) => {
    if (standing === 'seen') seen.add(port);
    else seen.delete(port);
    if (standing === 'closed') ports.delete(port);
    if (seen.size > 0) end ??= listen(tell);
    else {
      end?.();
      end = undefined;
      last = { kind: 'lost', runs: [] };
    }
  };
  const scope = self as unknown as { onconnect: (event: MessageEvent) => void };
  scope.onconnect = ({ ports: [port] }) => {
    ports.add(port);
    port.onmessage = ({ data }) => take(port, data);
    port.postMessage({ ...last, kind: last.kind === 'reset' ? 'open' : last.kind });
  };
}

/** Tells what changes while the page is seen, and once it is seen again that anything may have changed; until it is closed. */
export function follow(tell: (message: StreamMessage) => void): void {
  if (typeof SharedWorker === 'undefined') {
    listen(tell);
    return;
  }
  const { port } = new SharedWorker('/stream.js', { type: 'module', name: 'lockstep' });
  port.onmessage = ({ data }) => tell(data);
  const say = (standing: Standing) => port.postMessage(standing);
  const look = () => say(document.hidden ? 'hidden' : 'seen');
  look();
  document.addEventListener('visibilitychange', look);
  addEventListener('pagehide', ({ persisted }) => !persisted && say('closed'));
}
