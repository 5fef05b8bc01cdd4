/** What a line brings, over every transport: everything once, in order, at the pace of who reads; and signs of life. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/errors.js';
import type { BlobSource } from '../../../src/wire/blob.js';
import { encodeBlob } from '../../../src/wire/frame.js';
import { later, received, recorded } from '../../support/connections.js';
import { linesOver, quiet, settled, slab } from '../../support/lines.js';
import { samples } from '../../support/messages.js';
import { timersStarted } from '../../support/timers.js';
import { transports } from '../../support/transports.js';

const zeros = (length: number): BlobSource => ({ length, read: (_, size) => new Uint8Array(size) });

describe.each(transports)('over %s', (_, transport) => {
  const { connected, withPuppet } = linesOver(transport);

  describe('a connection', () => {
    it('brings everything in the order in which it was sent, in both directions', async () => {
      const { near, far } = await connected();
      const [here, there] = [received(near, 30), received(far, 30)];
      for (const connection of [near, far]) {
        for (let i = 0; i < 10; i++) {
          connection.send({ ...samples.applied, round: i });
          connection.sendSlab(slab(i, 4 * (1 + 6000 * i)));
          connection.send(samples.compute);
        }
      }
      for (const { log, slabs } of await Promise.all([here, there])) {
        const expected = Array.from({ length: 10 }, (_, i) => [
          { ...samples.applied, round: i },
          { segment: i },
          samples.compute,
        ]);
        expect(log).toEqual(expected.flat());
        expect(slabs.map(({ payload }) => payload.length)).toEqual(slabs.map((_, i) => 4 * (1 + 6000 * i)));
        expect(slabs.every(({ payload, segment }) => payload.every((byte) => byte === segment))).toBe(true);
      }
      for (const kind of ['control', 'slab', 'blob'] as const) {
        expect(near.bytesReceived[kind]).toBe(kind === 'control' ? far.bytesSent[kind] : near.bytesSent[kind]);
      }
      expect(near.bytesSent.slab).toBe(10 * 32 + 4 * (10 + 6000 * 45));
    });

    it('takes slabs from where they lie, and says when they may change', async () => {
      const { near, far } = await connected();
      const there = received(far, 200);
      const shared = new Uint8Array(new SharedArrayBuffer(4096));
      for (let i = 0; i < 200; i++) {
        const { header } = slab(i, 0);
        near.sendSlab({ header, payload: shared.fill(i) });
        while (near.buffered > 0) await new Promise(setImmediate);
      }
      const { slabs } = await there;
      expect(slabs.map(({ segment }) => segment)).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect(slabs.every(({ payload, segment }) => payload.every((byte) => byte === segment))).toBe(true);
    });

    it('keeps what comes before there are handlers, and does not read on beyond a limit', async () => {
      const { near, far } = await connected();
      const count = 100;
      for (let i = 0; i < count; i++) far.sendSlab(slab(i, 2 ** 18));
      expect(await settled(() => far.buffered)).toBeGreaterThan(2 ** 20);
      const { log } = await received(near, count);
      expect(log).toEqual(Array.from({ length: count }, (_, segment) => ({ segment })));
      expect(await settled(() => far.buffered)).toBe(0);
    });

    it('sends a blob in chunks, whole and in order, from a source that answers late', async () => {
      const { near, far } = await connected();
      const bytes = Uint8Array.from({ length: 1_300_001 }, (_, i) => i * 7);
      const got = new Uint8Array(bytes.length);
      const done = later<void>();
      far.handle(
        quiet({
          message: () => done.resolve(),
          blob: ({ transfer, offset, payload }) => got.set(payload, transfer === 9 ? offset : -1),
        }),
      );
      const progress: number[] = [];
      const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length);
      await near.sendBlob(9, { length: bytes.length, read }, (sent) => progress.push(sent));
      await near.sendBlob(10, zeros(0));
      near.send(samples.ready);
      await done.promise;
      expect(Buffer.compare(got, bytes)).toBe(0);
      expect(progress).toEqual([524_288, 1_048_576, 1_300_001]);
    });

    it('sends a blob at the pace of the reader', async () => {
      const { near, far } = await connected();
      const length = 48 * 2 ** 20;
      let passed = 0;
      let most = 0;
      const sent = near.sendBlob(1, zeros(length), (bytes) => {
        passed = bytes;
        most = Math.max(most, near.buffered);
      });
      // Without handlers the other side reads little.
      expect(await settled(() => passed)).toBeLessThan(length);
      expect(near.buffered).toBeGreaterThan(0);
      const there = received(far, length / 2 ** 19);
      await sent;
      await there;
      expect(passed).toBe(length);
      expect(most).toBeLessThan(4.1 * 2 ** 20);
    });
  });

  describe('signs of life', () => {
    it('tell the time to the other side and back, and its clock', async () => {
      const { near, far } = await connected();
      expect([near.roundTrip, near.clockOffset]).toEqual([undefined, undefined]);
      const log = recorded(near).log;
      for (const connection of [near, far]) connection.watch(0.5);
      recorded(far);
      await expect.poll(() => [near.roundTrip, far.roundTrip]).not.toContain(undefined);
      expect(near.roundTrip).toBeGreaterThan(0);
      // Both are this process's clock, and no answer is older than its question.
      expect(Math.abs(near.clockOffset!)).toBeLessThanOrEqual(near.roundTrip! / 2);
      expect(log).toEqual([]);
    });

    it('end the connection when nothing comes', async () => {
      const { connection } = await withPuppet();
      const { closed } = recorded(connection);
      connection.watch(0.2);
      const error = await closed;
      expect(error).toBeInstanceOf(WireError);
      expect(error!.problem).toMatch(/: no sign of life for \d\.\d s/);
    });

    it('are not asked for while this side does not read', async () => {
      const { connection, channel } = await withPuppet();
      // More than is kept until there are handlers.
      const payload = new Uint8Array(2 ** 19);
      for (let offset = 0; offset < 2 * payload.length; offset += payload.length) {
        channel.send(encodeBlob({ transfer: 1, offset, payload }), () => {});
      }
      await settled(() => connection.bytesReceived.blob);
      connection.watch(0.1);
      // Longer than the silence that would end it.
      await pause(300);
      const { closed, log } = recorded(connection);
      expect(log).toHaveLength(2);
      expect(await Promise.race([closed, 'open'])).toBe('open');
      expect(((await closed) as WireError).problem).toMatch(/no sign of life/);
    });

    it('leave no timer behind', async () => {
      const timers = timersStarted(/src[/\\]wire|node_modules[/\\]ws|support[/\\]in-process/);
      const { near, far } = await connected();
      const [here, there] = [recorded(near), recorded(far)];
      for (const connection of [near, far]) connection.watch(60);
      // At least a pulse and a limit at each end.
      expect(timers().length).toBeGreaterThanOrEqual(4);
      await near.close();
      await Promise.all([here.closed, there.closed]);
      await expect.poll(() => timers().join('\n')).toBe('');
    });
  });
});
