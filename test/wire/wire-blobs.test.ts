/** Rows and replicas as blobs: what comes out is what went in, and what is incomplete or damaged is refused. */
import { expect, it } from 'vitest';
import { metaOf } from '../../src/data/packed.js';
import { closeRows } from '../../src/data/row-writer.js';
import { WireError } from '../../src/errors.js';
import { type BlobSink, type BlobSource, bytesSink } from '../../src/wire/blob.js';
import { decodeRows, encodeRows } from '../../src/wire/rows-blob.js';
import { liveState, stateSink, stateSource } from '../../src/wire/state-blob.js';
import { byteExamples, overlappingExamples, partlyOnDisk, weightedExamples } from '../support/examples.js';
import { partsOf } from '../support/parts.js';

async function transfer(source: BlobSource, sink: BlobSink, piece: number): Promise<void> {
  for (let offset = 0; offset < source.length; offset += piece) {
    sink.write(offset, await source.read(offset, Math.min(piece, source.length - offset)));
  }
  sink.finish();
}

const sets = [
  { name: 'bytes', examples: byteExamples(20) },
  { name: 'floats with weights', examples: weightedExamples(20) },
  { name: 'rows that overlap', examples: overlappingExamples(20) },
];

it.each(sets)('rows of $name', async ({ examples }) => {
  const rows = Int32Array.of(19, 0, 7, 7);
  const encoded = await encodeRows(examples, rows);
  // At an odd place, as chunks of a message may be.
  const moved = new Uint8Array(encoded.length + 1);
  moved.set(encoded, 1);
  for (const bytes of [encoded, moved.subarray(1)]) {
    const decoded = decodeRows(bytes, metaOf(examples));
    expect(decoded.rows).toEqual(rows);
    examples.columns.forEach((column, field) => {
      const width = column.shape.reduce((a, b) => a * b, 1);
      rows.forEach((row, i) => {
        const at = row * (column.stride ?? width);
        const found = decoded.values[field].slice(i * width, (i + 1) * width);
        expect(found).toEqual(column.values.slice(at, at + width));
      });
    });
  }
});

it('rows on disk are read', async () => {
  const examples = byteExamples(20);
  const split = partlyOnDisk(examples, 5);
  const rows = Int32Array.of(4, 5, 19, 6, 0);
  expect(await encodeRows(split, rows)).toEqual(await encodeRows(examples, rows));
  closeRows(partsOf(split).file!);
});

it('rows that are cut off, or are none of the data set, are refused', async () => {
  const examples = byteExamples(20);
  const meta = metaOf(examples);
  const encoded = await encodeRows(examples, Int32Array.of(1, 2));
  expect(() => decodeRows(encoded.subarray(0, -1), meta)).toThrow(WireError);
  expect(() => decodeRows(new Uint8Array([...encoded, 0]), meta)).toThrow(WireError);
  expect(() => decodeRows(encoded, { ...meta, count: 2 })).toThrow(/no row 2 in a data set of 2/);
  new Int32Array(encoded.buffer, 0, 2)[0] = -1;
  expect(() => decodeRows(encoded, meta)).toThrow(/no row -1/);
});

const replica = (value: number) => ({
  parameters: new Float32Array(new SharedArrayBuffer(400)).map((_, i) => i + value),
  slots: [new Float32Array(48).map((_, i) => -i - value), new Float32Array(48).fill(value)],
});

it('a replica arrives as it was when it was asked for', async () => {
  const from = replica(7);
  const source = stateSource(from);
  from.parameters.fill(0);
  const to = replica(0);
  await transfer(source, stateSink(to, source.length), 101);
  expect(to).toEqual(replica(7));
});

it('a replica that nobody changes is sent from where it lies', async () => {
  const from = replica(7);
  const source = liveState(from);
  const to = replica(0);
  await transfer(source, stateSink(to, source.length), 101);
  expect(to).toEqual(replica(7));
  const [piece] = new Float32Array((await source.read(0, 4)).slice().buffer);
  from.parameters[0]++;
  expect([piece, ...new Float32Array((await source.read(0, 4)).slice().buffer)]).toEqual([7, 8]);
});

it('a replica of another model is refused', () => {
  const source = stateSource(replica(7));
  const { parameters, slots } = replica(0);
  expect(() => stateSink({ parameters, slots: slots.slice(1) }, source.length)).toThrow(WireError);
});

it('chunks out of order, beyond the end, or missing are refused', async () => {
  const payload = new Uint8Array(10).fill(3);
  const sink = bytesSink('rows', 25, '');
  sink.write(0, payload);
  expect(() => sink.write(0, payload)).toThrow(/byte 0 came where byte 10 was due/);
  expect(() => sink.write(20, payload.subarray(5))).toThrow(WireError);
  sink.write(10, payload);
  expect(() => sink.write(20, payload)).toThrow(/more came than the 25 bytes/);
  expect(() => sink.finish()).toThrow(/20 of 25 bytes/);
  sink.write(20, payload.subarray(5));
  sink.finish();
  expect(sink.bytes).toEqual(new Uint8Array(25).fill(3));
});
