/** A model behind HTTP: POST a JSON list of examples to it, and get a class and its probability for each. */
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { defineConfig, LockstepError, predict, train } from 'lockstep';

// A program of yours would name a model that is there: const model = 'runs/circle-1/best'.
const { model } = await train(
  defineConfig({
    name: 'served',
    data: { source: 'module', file: 'examples/circle.js', classes: 2 },
    model: { layers: [{ dense: { units: 16, activation: 'relu' } }, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: { adam: { learningRate: 0.05 } },
    training: { epochs: 10, batchSize: 64 },
  }),
  { threads: 1 },
);

async function answer(examples) {
  const { rows } = await predict(model, examples);
  const answers = [];
  for await (const { classes } of rows) answers.push(classes[0]);
  return answers;
}

const server = createServer(async (request, response) => {
  const [status, body] = await json(request)
    .then(answer)
    .then(
      (answers) => [200, answers],
      // What a caller can put right has a problem and a remedy; everything else is this program's fault.
      (error) =>
        error instanceof LockstepError || error instanceof SyntaxError
          ? [400, { error: error.message, remedy: error.remedy }]
          : [500, { error: 'internal error' }],
    );
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
});
// On this machine only: whoever may connect may use it.
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`POST [[0, 0], [2, 2]] to http://127.0.0.1:${server.address().port}`);
});
