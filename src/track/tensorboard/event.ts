/**
 * Events of TensorBoard as bytes. Field numbers are those of tensorboard/compat/proto/event.proto, summary.proto,
 * histogram.proto, graph.proto and plugins/hparams/plugin_data.proto of TensorBoard 2.21.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Distribution } from './distribution.js';

/** Writes the fields of a message. */
type Body = (writer: BinaryWriter) => void;

const delimited = 2;
const fixed64 = 1;
const fixed32 = 5;
const varint = 0;

const message = (field: number, body: Body): Body => {
  return (writer) => {
    writer.tag(field, delimited).fork();
    body(writer);
    writer.join();
  };
};
const text = (field: number, value: string): Body => {
  return (writer) => void writer.tag(field, delimited).string(value);
};
const whole = (field: number, value: number): Body => {
  return (writer) => void writer.tag(field, varint).int64(value);
};
const double = (field: number, value: number): Body => {
  return (writer) => void writer.tag(field, fixed64).double(value);
};
const all =
  (...parts: readonly Body[]): Body =>
  (writer) => {
    for (const part of parts) part(writer);
  };

export interface EventTime {
  /** Seconds since 1970. */
  readonly seconds: number;
  /** Steps of the run. */
  readonly step: number;
}

function eventBytes({ seconds, step }: EventTime, what: Body): Uint8Array {
  const writer = new BinaryWriter();
  double(1, seconds)(writer);
  whole(2, step)(writer);
  what(writer);
  return writer.finish();
}

/** Whether an event is no longer true of a run that goes on from a step: it is of later ones, or says how the run ended. */
export function isOutdated(event: Uint8Array, last: number): boolean {
  const reader = new BinaryReader(event);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 10) return true;
    if (field !== 2) reader.skip(wire);
    else if (Number(reader.int64()) > last) return true;
  }
  return false;
}

/** The first of every file. */
export const versionEvent = (seconds: number): Uint8Array => eventBytes({ seconds, step: 0 }, text(3, 'brain.Event:2'));

const sessionStart = 1;
/** From which step on the file has events. */
export const startEvent = (time: EventTime): Uint8Array => eventBytes(time, message(7, whole(1, sessionStart)));

/** A value of a summary, by tag. */
export type SummaryValue = Body;

const value = (tag: string, ...parts: readonly Body[]): SummaryValue => message(1, all(text(1, tag), ...parts));

/** Not as a tensor: EventAccumulator lists scalars of this form only. */
export const scalar = (tag: string, number: number): SummaryValue =>
  value(tag, (writer) => void writer.tag(2, fixed32).float(number));

const packedDoubles = (field: number, numbers: Float64Array): Body =>
  message(field, (writer) => {
    for (const number of numbers) writer.double(number);
  });

export const histogram = (tag: string, { min, max, count, sum, squares, limits, counts }: Distribution): SummaryValue =>
  value(
    tag,
    message(
      5,
      all(
        ...[min, max, count, sum, squares].map((number, i) => double(i + 1, number)),
        packedDoubles(6, limits),
        packedDoubles(7, counts),
      ),
    ),
  );

const plugin = (name: string, content: Body = () => {}): Body =>
  message(9, message(1, all(text(1, name), message(2, content))));

const stringType = 7;
/** A block of code in Markdown, whatever the lines hold. */
export const codeBlock = (lines: string): string => lines.replaceAll(/^/gm, '    ');

/** Shown as Markdown. */
export const markdown = (tag: string, content: string): SummaryValue =>
  value(
    tag,
    plugin('text'),
    message(8, all(whole(1, stringType), message(2, message(2, whole(1, 1))), text(8, content))),
  );

/** As a tensor: of an image as a simple value the fast reader forgets the caption. @param caption as Markdown */
export const image = (tag: string, png: Uint8Array, caption: string): SummaryValue => {
  // Width and height stand at the beginning of every PNG file.
  const view = new DataView(png.buffer, png.byteOffset);
  const sizes = [16, 20].map((at) => text(8, String(view.getUint32(at))));
  const encoded: Body = (writer) => void writer.tag(8, delimited).bytes(png);
  return value(
    tag,
    message(9, all(message(1, text(1, 'images')), text(3, caption))),
    message(8, all(whole(1, stringType), message(2, message(2, whole(1, 3))), ...sizes, encoded)),
  );
};

export type HyperParameter = string | number | boolean;

const settingBody = (setting: HyperParameter): Body => {
  if (typeof setting === 'number') return double(2, setting);
  if (typeof setting === 'string') return text(3, setting);
  return whole(4, Number(setting));
};

const pluginVersion = whole(1, 0);
/** What the run was made with, for the table of hyper-parameters. */
export const sessionSettings = (
  group: string,
  seconds: number,
  settings: ReadonlyMap<string, HyperParameter>,
): SummaryValue => {
  const entries = [...settings].map(([name, setting]) =>
    message(1, all(text(1, name), message(2, settingBody(setting)))),
  );
  const start = all(...entries, text(4, group), double(5, seconds));
  return value('_hparams_/session_start_info', plugin('hparams', all(pluginVersion, message(3, start))));
};

/** How the run ended. */
export const sessionEnd = (seconds: number, isWhole: boolean): SummaryValue =>
  value(
    '_hparams_/session_end_info',
    plugin('hparams', all(pluginVersion, message(4, all(whole(1, isWhole ? 1 : 2), double(2, seconds))))),
  );

export const summaryEvent = (time: EventTime, summaries: readonly SummaryValue[]): Uint8Array =>
  eventBytes(time, message(5, all(...summaries)));

/** How a run ended is no longer true of one that goes on: marked by its writer. */
export const endEvent = (time: EventTime, summaries: readonly SummaryValue[]): Uint8Array =>
  eventBytes(time, all(message(5, all(...summaries)), message(10, text(1, 'lockstep.end'))));

/** A layer and what it reads. */
export interface GraphNode {
  readonly name: string;
  readonly kind: string;
  readonly inputs: readonly string[];
}

const producer = 22;
export function graphEvent(seconds: number, nodes: readonly GraphNode[]): Uint8Array {
  const graph = all(
    ...nodes.map(({ name, kind, inputs }) =>
      message(1, all(text(1, name), text(2, kind), ...inputs.map((input) => text(3, input)))),
    ),
    message(4, whole(1, producer)),
  );
  return eventBytes({ seconds, step: 0 }, message(4, graph));
}
