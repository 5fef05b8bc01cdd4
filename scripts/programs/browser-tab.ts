/** A real Chromium, driven through its debugging pipe (Chrome DevTools Protocol). */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

/** Its command; undefined where none is installed. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

interface Message {
  readonly id?: number;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: each method has a type of its own.
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: each method has a type of its own.
  readonly result?: any;
  readonly error?: { readonly message: string };
}

type TabClass<Tab extends BrowserTab> = new (pipe: Writable, answers: Readable, end: () => Promise<void>) => Tab;

/** A tab that shows one page after the other. */
export class BrowserTab {
  /** What has happened in it since the last page was opened. */
  events: Message[] = [];
  readonly #pipe: Writable;
  readonly #end: () => Promise<void>;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #session: string | undefined;
  #arrived = () => {};
  #count = 0;

  constructor(pipe: Writable, answers: Readable, end: () => Promise<void>) {
    this.#pipe = pipe;
    this.#end = end;
    let text = '';
    answers.setEncoding('utf8').on('data', (part: string) => {
      const messages = `${text}${part}`.split('\0');
      text = messages.pop()!;
      for (const message of messages) this.#take(JSON.parse(message));
    });
  }

  /**
   * @param folder that the browser may fill
   * @param rooms of the protocol whose events are heard, which the browser pays for
   */
  static async open<Tab extends BrowserTab>(
    this: TabClass<Tab>,
    folder: string,
    rooms = ['Page', 'Runtime', 'Log', 'Network'],
  ): Promise<Tab> {
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--remote-debugging-pipe',
      `--user-data-dir=${folder}`,
    ];
    const browser = spawn(chromium!, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const [pipe, answers] = [browser.stdio[3] as Writable, browser.stdio[4] as unknown as Readable];
    const exit = once(browser, 'exit');
    const tab: Tab = new this(pipe, answers, async () => {
      await tab.send('Browser.close');
      await exit;
    });
    const { targetId } = await tab.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await tab.send('Target.attachToTarget', { targetId, flatten: true });
    tab.#session = sessionId;
    for (const room of rooms) await tab.send(`${room}.enable`);
    return tab;
  }

  #take(message: Message): void {
    if (message.id === undefined) {
      this.events.push(message);
      this.#arrived();
    } else this.#waiting.get(message.id)!(message);
  }

  /** @returns what the method answers */
  // biome-ignore lint/suspicious/noExplicitAny: each method has a type of its own.
  async send(method: string, params: object = {}): Promise<any> {
    const id = ++this.#count;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    const isOfTab = !/^(Target|Browser)\./.test(method);
    this.#pipe.write(`${JSON.stringify({ id, method, params, ...(isOfTab && { sessionId: this.#session }) })}\0`);
    const { result, error } = await answer;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Opens a page, a file or what a server has, and waits until all of it is there. */
  async show(place: string): Promise<void> {
    this.events = [];
    const loaded = new Promise<void>((resolve) => {
      this.#arrived = () => this.events.some(({ method }) => method === 'Page.loadEventFired') && resolve();
    });
    await this.send('Page.navigate', { url: place.startsWith('http:') ? place : pathToFileURL(place).href });
    await loaded;
  }

  /** How the page is to be seen: on a screen of so many pixels or on paper, in light or in dark. */
  async look(width: number, { media = 'screen', scheme = 'light' } = {}): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height: 800, deviceScaleFactor: 1, mobile: false });
    await this.send('Emulation.setEmulatedMedia', {
      media,
      features: [{ name: 'prefers-color-scheme', value: scheme }],
    });
  }

  /** @returns what an expression comes to in the page, or what it promises */
  async evaluate<T>(expression: string): Promise<T> {
    const params = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', params);
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }

  close(): Promise<void> {
    return this.#end();
  }
}
