/** The batch file of a job of Slurm: its ranks run `lockstep join`, and the job goes on by itself where it was stopped. */
import { shellWord, shellWords } from '../ground/shell-words.js';

export interface SlurmJob {
  readonly name: string;
  readonly nodes: number;
  /** `--time` and others, each as sbatch has it. */
  readonly options: readonly string[];
  /** None for that from which it is submitted. */
  readonly folder: string | undefined;
  readonly command: string;
  /** From `join` on. */
  readonly args: readonly string[];
}

/** Seconds before the time limit at which Slurm asks for an end, and what that is enough for: it may come half a minute early. */
const notice = 120;

/** Of several ranks that write to one file, srun breaks lines of more than a kilobyte, and events have such. */
const apart = '--output=%x-%j-%t.jsonl --open-mode=append';

export function slurmScript({ name, nodes, options, folder, command, args }: SlurmJob): string {
  const given = [
    ...[`--job-name=${name}`, `--nodes=${nodes}`, '--ntasks-per-node=1', `--signal=TERM@${notice}`],
    ...['--requeue', '--open-mode=append', ...options],
  ];
  const lines = [
    '#!/bin/bash',
    ...given.map((option) => `#SBATCH ${option}`),
    ...(folder === undefined ? [] : [`cd -- ${shellWord(folder)} || exit 2`]),
    `srun --kill-on-bad-exit ${args.includes('--json') ? `${apart} ` : ''}${/^\w+=/.test(command) ? 'env ' : ''}${command} ${shellWords(args)}`,
    'code=$?',
    '# Not over, and the same command goes on with it.',
    `if [ $code = 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi`,
    'exit $code',
  ];
  return `${lines.join('\n')}\n`;
}
