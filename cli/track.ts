/** `lockstep track`: sends a run to MLflow, afterwards. */
import { Command } from 'commander';
import { printable } from '../src/ground/printable.js';
import { jsonLine } from '../src/report/json.js';
import { reportMistakes } from './outcome.js';
import { type SharedFlags, withShared } from './shared-options.js';

export function trackCommand(): Command {
  const command = new Command('track')
    .argument('<run>', "a run's folder, such as runs/digits-1")
    .description('Send to MLflow what it has not got of a run, which may not be training.');
  return withShared(command, 'set', 'json')
    .addHelpText(
      'after',
      `
Examples:
  npx lockstep track runs/digits-1
  npx lockstep track runs/digits-1 --set track.mlflow.uri=http://127.0.0.1:5000

Exit codes: 0 done, 2 bad input, or the server did not take it.`,
    )
    .action(runTrack);
}

async function runTrack(run: string, { set = [], json }: Pick<SharedFlags, 'set' | 'json'>): Promise<void> {
  await reportMistakes(json, async (warn) => {
    const { track } = await import('../coordinator/training/track-run.js');
    const result = await track(run, set, warn);
    const text = `${result.hadAll ? 'it had' : 'it has'} all of the run: ${printable(result.uri)}, ${printable(result.experiment)}\n`;
    process.stdout.write(json ? jsonLine(result) : text);
  });
}
