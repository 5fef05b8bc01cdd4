/** Ports for programs that have to be told theirs. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that the system gives to connections, of which other tests have thousands: it would give away one of these before its program
 * has started. Each vitest worker has its own.
 */
const [first, share, shares] = [30_000, 300, 9];
const own = first + (Number(process.env.VITEST_POOL_ID ?? 0) % shares) * share;
let next = Math.floor(Math.random() * share);

/** A port that nobody has at this moment, and that is not given again soon. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < share; attempt++) {
    const port = own + (next++ % share);
    const server = createServer().listen(port);
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`all ports from ${own} to ${own + share - 1} are taken`);
}
