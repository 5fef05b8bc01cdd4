/** Which of several addresses of one machine can be reached from here. */
import { connect } from 'node:net';

/**
 * The first, in their order, where somebody takes a connection.
 * @param patience milliseconds for each
 * @returns undefined where none does
 */
export async function firstReachable(urls: readonly string[], patience: number): Promise<string | undefined> {
  const reached = await Promise.all(urls.map((url) => isReachable(url, patience)));
  return urls.find((_, i) => reached[i]);
}

async function isReachable(url: string, patience: number): Promise<boolean> {
  // What a launcher calls a node need not be one.
  if (!URL.canParse(url)) return false;
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replaceAll(/^\[|\]$/g, ''), port: Number(port), timeout: patience });
    const end = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
