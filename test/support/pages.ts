/** The pages that users read, README.md and docs/, as the tests see them: code blocks, headings and links. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { packageRoot } from './package.js';

export interface Block {
  /** Path of the page from the root, and the line where the block starts. */
  readonly page: string;
  readonly line: number;
  /** What follows the fence: yaml, js, ts; empty for commands. */
  readonly language: string;
  readonly text: string;
}

const pagesIn = (folder: string): string[] =>
  readdirSync(join(packageRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name.replaceAll(sep, '/')}`);

/** Paths from the root. */
export const allPages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...pagesIn('docs'),
  ...pagesIn('examples'),
];

/** Those for users, whose examples work as they stand there. */
export const userPages = allPages.filter((page) => /^(README|docs\/(?!architecture)[\w-]+)\.md$/.test(page));

export const textOf = (page: string): string => readFileSync(join(packageRoot, page), 'utf8');

/** The code blocks of a page. @param language leaves out others */
export function blocksOf(page: string, language?: string): Block[] {
  const text = textOf(page);
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .map(({ index, 1: name, 2: code }) => ({
      page,
      line: text.slice(0, index).split('\n').length,
      language: name,
      text: code,
    }))
    .filter((block) => language === undefined || block.language === language);
}

const withoutBlocks = (page: string): string => textOf(page).replace(/^```.*?^```$/gms, '');

/** Headings as they are written, without the #. */
export const headingsOf = (page: string, level?: number): string[] =>
  [...withoutBlocks(page).matchAll(/^(#+) (.+)$/gm)]
    .filter(([, marks]) => level === undefined || marks.length === level)
    .map(([, , heading]) => heading);

/** The anchors of a page's headings, as GitHub and the site make them. */
export const anchorsOf = (page: string): string[] =>
  headingsOf(page).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Where the links of a page lead. */
export const linksOf = (page: string): string[] =>
  [...withoutBlocks(page).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, target]) => target);
