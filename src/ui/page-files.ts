/** The page itself: its frame here, its script and its style from files that the build makes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Nothing is loaded from elsewhere, nothing is sent elsewhere, nothing that a text brings along runs, and nobody frames it. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // uPlot places its parts by the style property, which policies do not restrict.
  "connect-src 'self'",
  "worker-src 'self'",
  "frame-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * A report has scripts of nobody, loads nothing and sends nothing. By itself it has no place of its own to reach from, either; in a frame of
 * the page it has the page's, without which the page could not see how high it is.
 */
export const reportPolicy = (isFramed: boolean): string =>
  [
    isFramed ? 'sandbox allow-same-origin' : 'sandbox',
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
  ].join('; ');

const frame = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Lockstep</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"><script type="module" src="/page.js"></script></head>
<body><div id="page"></div><noscript>This page needs JavaScript.</noscript></body></html>
`;

interface PageFile {
  readonly type: string;
  readonly content: string | Buffer;
}

const read = (name: string): Buffer => readFileSync(fileURLToPath(new URL(`../../page/${name}`, import.meta.url)));

/** Files of the page, by path. */
export function pageFiles(): ReadonlyMap<string, PageFile> {
  const script = 'text/javascript; charset=utf-8';
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', content: frame }],
    ['/page.js', { type: script, content: read('page.js') }],
    ['/stream.js', { type: script, content: read('stream.js') }],
    ['/page.css', { type: 'text/css; charset=utf-8', content: read('page.css') }],
  ]);
}
