/** Reads the attributes of a node that somebody else sent (inspect.ts). */
import { WireType } from '@bufbuild/protobuf/wire';
import { intField, many, nameField, push, readMessage, refusedModel } from './protobuf.js';

/** Of a list. */
const mostItems = 4096;

/** What of an attribute of a node is looked at. */
export interface InspectedAttribute {
  readonly name: string;
  readonly list: readonly number[];
  readonly text?: string;
}

/** AttributeProto: one number, text or list of whole numbers. Tensors, graphs and types are not to be had. */
export function readAttribute(bytes: Uint8Array): InspectedAttribute {
  const where = 'an attribute';
  const given: number[] = [];
  const items: number[] = [];
  let whole: number | undefined;
  let text: string | undefined;
  let name = '';
  let type = 0;
  readMessage(bytes, where, {
    1: nameField(where, (value) => {
      name = value;
    }),
    2: {
      wire: WireType.Bit32,
      read: (reader) => {
        reader.float();
        given.push(1);
      },
    },
    3: intField((value) => {
      given.push(2);
      whole = value;
    }),
    4: nameField(
      where,
      (value) => {
        given.push(3);
        text = value;
      },
      /^[\w,>-]{0,64}$/,
    ),
    8: many(intField(push(items, mostItems, where))),
    20: intField((value) => {
      type = value;
    }),
  });
  if (items.length > 0 || (type === 7 && given.length === 0)) given.push(7);
  if (name === '' || given.length !== 1 || given[0] !== type) throw refusedModel(where, 'is not one value');
  return { name, list: whole === undefined ? items : [whole], text };
}
