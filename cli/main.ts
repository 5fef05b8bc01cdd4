#!/usr/bin/env node
/** The `lockstep` command. */
import * as nodeModule from 'node:module';
import { runProgram } from './program.js';
import { guardStreams } from './streams.js';

guardStreams();

// Node 22.8 and later keep compiled code from one start to the next.
(nodeModule as { enableCompileCache?(): void }).enableCompileCache?.();

await runProgram(process.argv.slice(2));
