/** Of a token that can be guessed, commands with the option and without it are told the same. */
import { expect, it } from 'vitest';
import { tokenWarning } from '../../coordinator/world/listening.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';

const place = { host: '0.0.0.0', port: 1, schemes: webSocket.schemes, isEncrypted: false, minimum: 1 };

it.each([
  [false, '1', /^the token has 1 character: .*; use 16 or more, or give none, and it is a random one$/],
  [false, '4f1c', /^the token has 4 characters: /],
  [false, 'c2b9e07d51f84a36', /^$/],
  [true, '1', /^$/],
])('on a machine alone (%s) %s is warned of as it is', (isLocal, token, expected) => {
  expect(tokenWarning({ ...place, isLocal, token }) ?? '').toMatch(expected);
});
