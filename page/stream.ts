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

function listen(tell: (message: StreamMessage) => void): void {
  const source = new EventSource('/api/events');
  source.onopen = () => tell({ kind: 'open', runs: [] });
  source.onerror = () => {
    tell({ kind: 'lost', runs: [] });
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => listen(tell), patience);
  };
  for (const kind of ['change', 'grown', 'reset'] as const) {
    source.addEventListener(kind, ({ data }) => tell({ kind, runs: JSON.parse(data) }));
  }
}

if (typeof document === 'undefined') {
  const ports = new Set<MessagePort>();
  let last: StreamMessage = { kind: 'lost', runs: [] };
  listen((message) => {
    if (message.kind !== 'change' && message.kind !== 'grown') last = message;
    for (const port of ports) port.postMessage(message);
  });
  const scope = self as unknown as { onconnect: (event: MessageEvent) => void };
  scope.onconnect = ({ ports: [port] }) => {
    ports.add(port);
    // A page that is closed says so.
    port.onmessage = () => ports.delete(port);
    port.postMessage({ ...last, kind: last.kind === 'reset' ? 'open' : last.kind });
  };
}

/** Tells what changes, until the page is closed. */
export function follow(tell: (message: StreamMessage) => void): void {
  if (typeof SharedWorker === 'undefined') {
    listen(tell);
    return;
  }
  const { port } = new SharedWorker('/stream.js', { type: 'module', name: 'lockstep' });
  port.onmessage = ({ data }) => tell(data);
  addEventListener('pagehide', ({ persisted }) => !persisted && port.postMessage('closed'));
}
