/** Lines over WebSocket (RFC 6455), with TLS or without: what crosses firewalls and proxies, and runs wherever Node does. */
import type { Transport } from '../transport.js';
import { accept, locate } from './accept.js';
import { connect } from './connect.js';
import { ownHost } from './own-host.js';

export const webSocket: Transport = { schemes: { plain: 'ws', encrypted: 'wss' }, locate, accept, connect, ownHost };
