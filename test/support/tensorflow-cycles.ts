/** `node tensorflow-cycles.js N FILE OUT`: trains a config N times in one process, and prints the hash of each result. */
import { trained } from './runs.js';

const [cycles, file, out] = process.argv.slice(2);
for (let i = 0; i < Number(cycles); i++) {
  const { end } = await trained(file, [], out, 2);
  process.stdout.write(`${end.sha256}\n`);
}
