/** Slabs without a checksum: only on lines that carry them by MPI, which promises to bring them as they were. */
import { describe, expect, it } from 'vitest';
import { openSlab, type SlabFrame, sealSlab } from '../../src/reduce/slab-frame.js';
import type { Ending } from '../../src/wire/connection.js';
import { FramedConnection } from '../../src/wire/framed-connection.js';
import type { Channel, ChannelEvents } from '../../src/wire/transport.js';
import { quiet } from '../support/lines.js';

const payload = Uint8Array.of(1, 2, 3, 4);
const header = { kind: 'total', precision: 'float32', attempt: 0, round: 1, low: 0, high: 2, segment: 0 } as const;
const bare = sealSlab({ ...header, checksum: undefined });

/** A connection that is admitted, over a channel that notes what is sent. @param rank of the other side */
function connected(rank: number | undefined) {
  const sent: SlabFrame[] = [];
  const came: SlabFrame[] = [];
  const endings: Ending[] = [];
  let events!: ChannelEvents;
  const nothing = () => {};
  const sendSlab: Channel['sendSlab'] = (first, rest) => sent.push(openSlab(Buffer.concat([first, rest])));
  const rests = {
    send: nothing,
    pause: nothing,
    resume: nothing,
    admitted: nothing,
    close: nothing,
    terminate: nothing,
  };
  const connection = new FramedConnection((told) => {
    events = told;
    return { ...rests, host: 'here', address: 'here:1', rank, sendSlab };
  }, quiet());
  connection.admit();
  connection.handle(quiet({ slab: (frame) => came.push(frame), closed: (error) => endings.push(error) }));
  return { connection, sent, came, endings, events };
}

describe('a slab whose checksum nobody has asked for', () => {
  const frame = { header: bare, payload, checksum: () => 7 };

  it('is sent with it by socket, and without by MPI', () => {
    const [bySocket, byMpi] = [undefined, 1].map(connected);
    for (const { connection } of [bySocket, byMpi]) connection.sendSlab(frame);
    expect(bySocket.sent).toEqual([{ ...header, checksum: 7, payload: Buffer.from(payload) }]);
    expect(byMpi.sent).toEqual([{ ...header, checksum: undefined, payload: Buffer.from(payload) }]);
  });

  it.each(['frame', 'landed'] as const)('is taken without it by MPI, and by socket refused (%s)', (road) => {
    const [bySocket, byMpi] = [undefined, 1].map(connected);
    for (const { events } of [bySocket, byMpi]) events[road](Buffer.concat([bare, payload]));
    expect([bySocket.came.length, byMpi.came.length]).toEqual([0, 1]);
    expect(byMpi.endings).toEqual([]);
    expect(bySocket.endings[0]?.message).toContain('a slab frame without a checksum');
  });
});
