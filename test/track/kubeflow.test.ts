/** The progress of a run in the status of Kubeflow's TrainJob: a real server under HTTPS, whose authority is its own. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RunEvent } from '../../src/report/events.js';
import { kubeflowServer, kubeflowTracker, type TrainerStatus } from '../../src/track/kubeflow/kubeflow.js';
import { certificate, hasOpenssl, signed } from '../support/certificates.js';
import { temporaryFolder } from '../support/folder.js';
import { skipIf } from '../support/skip-if.js';

const speed = { examplesPerSecond: 1, seconds: 1 };
const start = { event: 'start', steps: 20, folder: 'runs/a-1' } as RunEvent;
const progress = (epoch: number, step: number, loss: number): RunEvent => ({
  ...{ event: 'progress', epoch, epochs: 2, step, steps: 10, loss, secondsLeft: 1 },
  ...speed,
});
const epoch = { event: 'epoch', epoch: 1, loss: 0.5, validation: { loss: 0.4, accuracy: 0.9 } } as unknown as RunEvent;
const end = (interrupted: boolean) => ({ event: 'end', interrupted }) as RunEvent;

skipIf(!hasOpenssl && 'needs openssl').describe('Kubeflow', () => {
  const folder = temporaryFolder();
  const authority = hasOpenssl ? certificate(folder, 'authority') : { cert: '', key: '' };
  const [ca, token] = ['ca.pem', 'token'].map((name) => join(folder, name));

  /** A server that keeps what it is told. */
  async function serve(status = 200) {
    writeFileSync(ca, authority.cert);
    writeFileSync(token, 'a secret\n');
    const told: { authorization?: string; method?: string; trainerStatus: TrainerStatus }[] = [];
    const server = createServer(signed(folder, 'server', 'DNS:localhost', authority), (request, answer) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      request.on('end', () => {
        const { method, headers } = request;
        told.push({ method, authorization: headers.authorization, ...JSON.parse(body) });
        answer.writeHead(status).end();
      });
    }).listen(0, 'localhost');
    await once(server, 'listening');
    const url = `https://localhost:${(server.address() as AddressInfo).port}/status`;
    const variables = {
      KUBEFLOW_TRAINER_SERVER_URL: url,
      KUBEFLOW_TRAINER_SERVER_CA_CERT: ca,
      KUBEFLOW_TRAINER_SERVER_TOKEN: token,
    };
    return { told, variables, close: () => server.close() };
  }

  async function run(variables: NodeJS.ProcessEnv, events: readonly RunEvent[]): Promise<string[]> {
    const warned: string[] = [];
    const tracker = kubeflowTracker(kubeflowServer(variables)!, (message) => warned.push(message));
    for (const event of events) tracker.report(event);
    await tracker.close();
    return warned;
  }

  it('is told begin and end, and in between no more than every five seconds', async () => {
    const { told, variables, close } = await serve();
    const steps = Array.from({ length: 10 }, (_, i) => progress(2, i + 1, 0.3));
    expect(await run(variables, [start, progress(1, 5, 0.7), epoch, ...steps, end(false)])).toEqual([]);
    close();
    expect(told.map(({ trainerStatus }) => trainerStatus.progressPercentage)).toEqual([0, 100]);
    expect(told[0]).toMatchObject({ method: 'POST', authorization: 'Bearer a secret' });
    expect(told[1].trainerStatus).toMatchObject({ estimatedRemainingSeconds: 0 });
    expect(Math.abs(Date.parse(told[1].trainerStatus.lastUpdatedTime) - Date.now())).toBeLessThan(60_000);
    expect(told[1].trainerStatus.metrics).toEqual(
      expect.arrayContaining([
        { name: 'loss', value: '0.3' },
        { name: 'validation_accuracy', value: '0.9' },
        { name: 'current_step', value: '20' },
        { name: 'total_steps', value: '20' },
      ]),
    );
  });

  it('is not told of an end that is none', async () => {
    const { told, variables, close } = await serve();
    expect(await run(variables, [start, end(true)])).toEqual([]);
    close();
    expect(told.map(({ trainerStatus }) => trainerStatus.progressPercentage)).toEqual([0]);
  });

  it('a server that refuses, is not trusted or not there is a warning, once', async () => {
    const { told, variables, close } = await serve(403);
    expect(await run(variables, [start, end(false)])).toEqual([expect.stringContaining('the answer was 403')]);
    expect(told.length).toBe(2);
    const stranger = certificate(folder, 'stranger');
    writeFileSync(ca, stranger.cert);
    expect(await run(variables, [start, end(false)])).toEqual([expect.stringMatching(/certificate/)]);
    expect(told.length).toBe(2);
    close();
    const plain = { ...variables, KUBEFLOW_TRAINER_SERVER_URL: 'http://localhost:1/' };
    expect(await run(plain, [start])).toEqual([expect.stringContaining('is no address of a server (https://)')]);
    const none = { ...variables, KUBEFLOW_TRAINER_SERVER_TOKEN: join(folder, 'none') };
    expect(await run(none, [start])).toEqual([expect.stringContaining('ENOENT')]);
    expect(kubeflowServer({})).toBeUndefined();
  });
});
