/** What the compiler says of programs that import the package: those in README.md and docs/, and one that makes mistakes. It reads the package once. */
import { writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { installInto, typeErrors } from '../support/installed.js';
import { blocksOf, userPages } from '../support/pages.js';

const folder = temporaryFolder();
const isProgram = ({ language }: { readonly language: string }) => language === 'js' || language === 'ts';

/** What a config may say, and what an event holds. A line of mistakes without a mistake is one, too. */
const typed = `
  import { defineConfig, type LayerInput, type RunEvent, train } from 'lockstep';
  const config = defineConfig({
    data: { source: 'digits', examples: 100 },
    model: { layers: ['flatten', { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: 'sgd',
    training: { epochs: 1, batchSize: 10 },
  });
  const report = (event: RunEvent): void => { if (event.event === 'epoch') console.log(event.validation?.loss); };
  export const hash: Promise<string> = train(config, { report }).then(({ sha256 }) => sha256);
  // @ts-expect-error epochs is a number
  defineConfig({ ...config, training: { epochs: 'one', batchSize: 10 } });
  // @ts-expect-error there is no such option
  train(config, { treads: 2 });
  export const layers: LayerInput[] = [
    'flatten',
    { conv2d: { filters: 'classes', kernelSize: [3, 3], padding: 'same', name: 'c' } },
    { add: { from: ['a', 'b'] } },
    { bidirectional: { layer: { lstm: { units: 3, returnSequences: true } }, mergeMode: 'concat' } },
    { rnn: { cell: [{ lstmCell: { units: 2 } }, { gruCell: { units: 2 } }] } },
    { timeDistributed: { layer: { dense: { units: 'classes' } } } },
    { Dense: { units: 3 } },
    // @ts-expect-error dense has no such option
    { dense: { unitz: 3 } },
    // @ts-expect-error units is a number, or classes
    { dense: { units: 'three' } },
    // @ts-expect-error there is no such layer
    { dens: { units: 3 } },
  ];`;

it('compile, those in JavaScript too, and mistakes are found', async () => {
  installInto(folder);
  const programs = userPages.flatMap((page) => blocksOf(page)).filter(isProgram);
  const names = programs.map(({ page, line, language }) => `${posix.basename(page, '.md')}-${line}.${language}`);
  for (const [i, { text }] of programs.entries()) writeFileSync(join(folder, names[i]), text);
  expect(names.length).toBeGreaterThan(8);
  writeFileSync(join(folder, 'typed.ts'), typed);
  const files = [...names, 'typed.ts'];
  expect(await typeErrors(folder, files, '--allowJs', '--checkJs', '--noImplicitAny', 'false')).toBe('');
});
