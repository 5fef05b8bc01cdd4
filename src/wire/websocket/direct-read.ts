/**
 * Reads of a socket that land in memory of ours. Node offers this to sockets that call (`onread` of net.connect), but not
 * to those that are called, and a WebSocket is either one; so the same is done to a socket that is there. Without it every
 * 64 KiB that arrive are memory of their own, and collecting that takes longer than the network.
 */
import type { Socket } from 'node:net';

export interface Reads {
  /** Where the next read goes; never empty. */
  next(): Uint8Array;
  /** So many bytes have come. @returns whether to go on reading */
  took(bytes: number): boolean;
}

/** @returns false where this Node does not do it: the socket's streams then get the bytes, as ever */
export function readDirectly(socket: Socket, reads: Reads): boolean {
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, callback, generator] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  const inner = socket as unknown as Record<string | symbol, unknown>;
  const handle = inner._handle as { useUserBuffer?: (buffer: Uint8Array) => void } | undefined | null;
  if (!buffer || !callback || !generator || typeof handle?.useUserBuffer !== 'function') return false;
  const first = reads.next();
  inner[buffer] = first;
  inner[callback] = (bytes: number) => reads.took(bytes);
  inner[generator] = () => reads.next();
  handle.useUserBuffer(first);
  return true;
}
