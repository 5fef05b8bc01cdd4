/** Protocol buffers, read strictly: each message has the fields that it may have, of the right wire type, and no other. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { WireError } from '../../errors.js';

/** What a model holds that Lockstep does not write. */
export const refusedModel = (where: string, problem: string) =>
  new WireError(`model: ${where} ${problem}`, 'only models that Lockstep compiled are run');

/** How a field is read; one without `many` comes at most once, because readers differ in what a second one means. */
export interface MessageField {
  readonly wire: WireType;
  readonly many?: boolean;
  read(reader: BinaryReader): void;
}

/** Reads a message that has no other fields. Numbers of fields are those of onnx.proto, as in proto.ts. */
export function readMessage(bytes: Uint8Array, where: string, fields: Readonly<Record<number, MessageField>>): void {
  const reader = new BinaryReader(bytes);
  const seen = new Set<number>();
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    const field = fields[number];
    if (!field || field.wire !== wire) throw refusedModel(where, `has field ${number}, which Lockstep does not write`);
    if (seen.has(number) && !field.many) throw refusedModel(where, `has field ${number} twice`);
    seen.add(number);
    field.read(reader);
  }
}

export const bytesField = (take: (bytes: Uint8Array) => void): MessageField => ({
  wire: WireType.LengthDelimited,
  read: (reader) => take(reader.bytes()),
});
export const intField = (take: (value: number) => void): MessageField => ({
  wire: WireType.Varint,
  read: (reader) => take(Number(reader.int64())),
});
export const many = (field: MessageField): MessageField => ({ ...field, many: true });

/** Letters and digits: tensors, operators and attributes are called by nothing else. */
export const nameField = (where: string, take: (name: string) => void, allowed = /^\w{0,64}$/): MessageField =>
  bytesField((bytes) => {
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 80)).toString('latin1');
    if (!allowed.test(name)) throw refusedModel(where, `is called ${JSON.stringify(name)}`);
    take(name);
  });

/** Adds to a list that may have so many items. */
export const push =
  <T>(list: T[], limit: number, where: string) =>
  (item: T): void => {
    if (list.length >= limit) throw refusedModel(where, `has more than ${limit} parts`);
    list.push(item);
  };
