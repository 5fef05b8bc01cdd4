/**
 * Every layer and activation of Keras 3.15.1, with options that are not the defaults, as `model.to_json()` writes it
 * (scripts/peers/keras_layers.py): computed alike, or refused by name with a remedy. None silently otherwise.
 */
import '../../src/model/tfjs/core-gaps.js';
import { describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { ModelError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { kerasCases, kerasDifference, runKeras } from '../support/keras-fixture.js';

const folder = temporaryFolder();
const cases = kerasCases('keras-layers.json');
/** What is not to be refused. */
const read =
  /nested model|shared layer|model in a model|(activation|dense with|lstm with) (?!glu|sparsemax|a layer)|initializer|dtype (float|bf|mixed)|^(Dot|Add|Multiply|Average|Maximum|Minimum|Concatenate|Bidirectional|Bidirectional with initial states|LSTM with an initial state|SimpleRNN.*|TimeDistributed|Flatten|Reshape|Permute|Dropout|LeakyReLU|Embedding)$/;

describe('a model of Keras 3', () => {
  it.each(cases.map((example, index) => ({ index, name: example.name, example })))(
    '$index, $name, is computed alike or refused',
    async ({ name, example }) => {
      await loadBackend('cpu');
      const run = await runKeras(example, folder).catch((error: unknown) => error);
      if (run instanceof Error) {
        expect(run).toBeInstanceOf(ModelError);
        expect((run as ModelError).remedy).not.toBe('');
        expect(name).not.toMatch(read);
        return;
      }
      const { outputs } = run as Awaited<ReturnType<typeof runKeras>>;
      const difference = kerasDifference(outputs[0], example.output);
      // Half precision is computed in single here.
      expect(difference).toBeLessThan(/float16/.test(JSON.stringify(example.topology)) ? 1e-2 : 1e-5);
    },
  );
});
