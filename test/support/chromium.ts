/** A real Chromium in tests, and what they ask a page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrowserTab } from '../../scripts/programs/browser-tab.js';
import { packageRoot } from './package.js';

const inPage = readFileSync(join(packageRoot, 'test/support/in-page.js'), 'utf8').replace(/;\s*$/, '');

export class Tab extends BrowserTab {
  /** @param question a call of one of the functions of in-page.js */
  ask<T>(question: string): Promise<T> {
    return this.evaluate(`${inPage}.${question}`);
  }
}
