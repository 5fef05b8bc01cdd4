/** How a line ends, over every transport: once, for a reason that both sides know, and behind what was said before. */
import { describe, expect, it } from 'vitest';
import { RefusedError, WireError } from '../../../src/errors.js';
import { encodeControl } from '../../../src/wire/frame.js';
import { later, recorded } from '../../support/connections.js';
import { linesOver, quiet, settled, slab } from '../../support/lines.js';
import { samples } from '../../support/messages.js';
import { inOne } from '../../support/slab-frames.js';
import { transports } from '../../support/transports.js';

const nothing = () => {};

describe.each(transports)('over %s a connection', (_, transport) => {
  const { connected, withPuppet } = linesOver(transport);

  it('says how much was not sent when it breaks', async () => {
    const { near, far } = await connected();
    const { closed } = recorded(near);
    const length = 48 * 2 ** 20;
    let passed = 0;
    const source = { length, read: (_: number, size: number) => new Uint8Array(size) };
    const sent = near.sendBlob(1, source, (bytes) => {
      passed = bytes;
    });
    const failure = sent.catch((error) => error);
    await settled(() => passed);
    far.terminate();
    const error = (await closed) as WireError;
    expect(error).toBeInstanceOf(WireError);
    const [, unsent] = /: connection (?:lost|failed)(?: \(.*\))?, ([\d,]+) bytes unsent$/.exec(error.problem)!;
    expect(Number(unsent.replaceAll(',', ''))).toBeGreaterThan(length - passed);
    expect(await failure).toBe(error);
    near.send(samples.ready);
    await expect(near.sendBlob(2, { ...source, length: 5 })).rejects.toBe(error);
  });

  it('tells both sides when one closes it, after everything was read', async () => {
    const { near, far } = await connected();
    const [here, there] = [recorded(near), recorded(far)];
    near.sendSlab(slab(1, 2 ** 18));
    near.send(samples.bye);
    await near.close();
    expect(await here.closed).toBeUndefined();
    expect(await there.closed).toMatchObject({ problem: expect.stringMatching(/: closed the connection$/) });
    expect(there.log).toEqual([{ segment: 1 }, samples.bye]);
  });

  it('is gone on both sides when one terminates it', async () => {
    const { near, far } = await connected();
    const [here, there] = [recorded(near), recorded(far)];
    near.terminate();
    expect(await here.closed).toBeUndefined();
    expect(await there.closed).toMatchObject({ problem: expect.stringMatching(/: connection (lost|failed)/) });
    for (const connection of [near, far]) {
      connection.send(samples.ready);
      connection.sendSlab(slab(1, 64));
      await connection.close();
    }
    expect([here.log, there.log]).toEqual([[], []]);
  });

  it('is gone after a while too when the other side does not read', async () => {
    const { near, far } = await connected();
    for (let i = 0; i < 100; i++) near.sendSlab(slab(i, 2 ** 18));
    await settled(() => near.buffered);
    await near.close();
    const { closed } = recorded(far);
    expect(await closed).toBeInstanceOf(WireError);
  });

  it('passes a refusal on to the other side as its error', async () => {
    for (const [final, type] of [
      [true, RefusedError],
      [false, WireError],
    ] as const) {
      const { near, far } = await connected();
      const there = recorded(far);
      await near.refuse('numerics: \u001b[31mab12 is not cd34', 'use --allow-mixed-numerics', final);
      const error = await there.closed;
      expect(error).toBeInstanceOf(type);
      expect(error!.problem).toMatch(/^127\.0\.0\.1:\d+ refuses: numerics: {2}\[31mab12 is not cd34$/);
      expect(error!.remedy).toBe('use --allow-mixed-numerics');
    }
  });

  const damaged = (frame: Buffer, at: number) => {
    frame[at] ^= 4;
    return frame;
  };
  it.each([
    ['a damaged message', damaged(encodeControl(samples.compute), 30), /checksum \(CRC-32\) of a control frame/],
    ['a damaged slab', damaged(inOne(slab(1, 64)), 9), /a slab frame has a header whose checksum \(CRC-32\) is wrong/],
    ['an unknown message', encodeControl({ kind: 'run' } as never), /kind: "run" is not one of/],
    ['no frame', Buffer.from('hello'), /a frame is of kind 104/],
    ['an empty frame', Buffer.alloc(0), /a frame is empty/],
  ])('ends with %s, and tells who sent it', async (_, bytes, problem) => {
    const { connection, channel, answers, closed: gone } = await withPuppet();
    const { closed, log } = recorded(connection);
    channel.send(Buffer.from(bytes), nothing);
    channel.send(encodeControl(samples.ready), nothing);
    const error = await closed;
    expect(error).toBeInstanceOf(WireError);
    expect(error!.problem).toMatch(problem);
    await gone;
    expect(log).toEqual([]);
    expect(answers).toMatchObject([{ message: { kind: 'refused', problem: expect.stringMatching(problem) } }]);
  });

  it('passes on a message that comes twice once, and ends when one is missing', async () => {
    const { connection, channel } = await withPuppet();
    const { closed, log } = recorded(connection);
    for (const number of [1, 1, 2, 1, 4]) {
      channel.send(encodeControl({ kind: 'linked', ids: [number] }, number), nothing);
    }
    expect((await closed)!.problem).toMatch(/sent message 4 where message 3 was due/);
    expect(log).toMatchObject([{ ids: [1] }, { ids: [2] }]);
  });

  it('ends with an error of the protocol that a handler finds', async () => {
    const { near, far } = await connected();
    const [here, there] = [later(), recorded(far)];
    const message = () => {
      throw new WireError('applied.round: 9 is not the round 8', 'none');
    };
    near.handle(quiet({ message, closed: here.resolve }));
    far.send(samples.applied);
    const problem = expect.stringMatching(/: applied\.round: 9 is not the round 8$/);
    expect(await here.promise).toMatchObject({ problem });
    expect(await there.closed).toMatchObject({ problem: expect.stringMatching(/refuses: applied\.round/) });
  });

  it('passes nothing on behind the end, of what came before there were handlers either', async () => {
    const { near, far } = await connected();
    for (let round = 0; round < 3; round++) far.send({ ...samples.applied, round });
    await settled(() => near.bytesReceived.control);
    const seen: unknown[] = [];
    const message = (message: unknown) => {
      seen.push(message);
      throw new WireError('applied.round: 0 is over', 'none');
    };
    near.handle(quiet({ message, closed: (error) => seen.push(error?.problem) }));
    expect(seen).toEqual([{ ...samples.applied, round: 0 }, expect.stringMatching(/applied\.round: 0 is over$/)]);
    await near.close();
  });
});
