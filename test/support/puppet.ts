/** A worker that is admitted, and from then on does only what the test does: frames as bytes, over any transport. */
import { decodeFrame, encodeControl, type Frame } from '../../src/wire/frame.js';
import { CallerHandshake } from '../../src/wire/handshake.js';
import type { Channel, Transport } from '../../src/wire/transport.js';
import { later, token, workerIdentity } from './connections.js';

export interface Puppet {
  readonly channel: Channel;
  /** What it was sent; of one that was admitted, since then. */
  readonly answers: Frame[];
  readonly closed: Promise<string>;
}

/** A line on which nothing is said but what the test says. @param heard is told of each frame */
export function raw(
  transport: Transport,
  url: string,
  heard: (frame: Frame, channel: Channel) => void = () => {},
): Promise<Puppet> {
  const answers: Frame[] = [];
  const closed = later<string>();
  const nothing = () => undefined;
  return new Promise((resolve, reject) => {
    transport
      .connect(new URL(url), undefined, new AbortController().signal, (open) => {
        const channel = open({
          arrived: nothing,
          frame(bytes) {
            const frame = decodeFrame(bytes);
            answers.push(frame);
            heard(frame, channel);
          },
          landed: nothing,
          landing: nothing,
          unreadable: nothing,
          failed: nothing,
          closed: closed.resolve,
        });
        resolve({ channel, answers, closed: closed.promise });
      })
      .catch(reject);
  });
}

export async function puppet(transport: Transport, url: string): Promise<Puppet> {
  const admitted = later<void>();
  const handshake = new CallerHandshake(token, workerIdentity);
  const { channel, answers, closed } = await raw(transport, url, (frame, channel) => {
    if (frame.kind !== 'control') return;
    if (frame.message.kind === 'challenge') {
      channel.send(encodeControl(handshake.answer(frame.message)), () => {});
    }
    if (frame.message.kind === 'welcome') admitted.resolve();
  });
  await admitted.promise;
  answers.splice(0);
  return { channel, answers, closed };
}
