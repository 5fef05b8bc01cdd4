#!/usr/bin/env bash
# TensorFlow.js core, layers and backend cpu 4.22.0 take several times the processor time where Node's `import` loads them instead
# of `require`: each is one CommonJS file of a megabyte, which `import` first searches for the names that it exports, in JavaScript.
# What is loaded is the same. Needs Node and npm. Exits with 1 where `import` costs less than 1.5 times as much.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-layers@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat > seen.mjs <<'J'
import { execFileSync } from 'node:child_process';
const names = ['core', 'backend-cpu', 'layers'].map((name) => `@tensorflow/tfjs-${name}`);
const spent = 'const { user, system } = process.cpuUsage(); console.log((user + system) / 1000);';
const ways = {
  nothing: ['--input-type=commonjs', '--eval', spent],
  require: ['--input-type=commonjs', '--eval', `${names.map((name) => `require('${name}');`).join(' ')} ${spent}`],
  import: ['--input-type=module', '--eval', `${names.map((name) => `await import('${name}');`).join(' ')} ${spent}`],
};
const times = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
for (let round = 0; round < 7; round++) {
  for (const [way, args] of Object.entries(ways)) times[way].push(Number(execFileSync(process.execPath, args, { encoding: 'utf8' })));
}
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const [empty, required, imported] = Object.keys(ways).map((way) => median(times[way]));
console.log(`Node ${process.version}: ms of processor time beyond an empty process: require ${(required - empty).toFixed(0)}, import ${(imported - empty).toFixed(0)}`);
process.exitCode = imported - empty > 1.5 * (required - empty) ? 0 : 1;
J
node seen.mjs
