/** The changelog has the form of https://keepachangelog.com/en/1.1.0/, and the version that the package has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../support/package.js';

const text = readFileSync(join(packageRoot, 'CHANGELOG.md'), 'utf8');
const json = (file: string) => JSON.parse(readFileSync(join(packageRoot, file), 'utf8'));

const groups = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

interface Release {
  readonly title: string;
  readonly headings: readonly string[];
  /** Entries, each with the heading that it stands below. */
  readonly entries: readonly { readonly heading: string | undefined; readonly words: string }[];
}

function releasesOf(changelog: string): Release[] {
  const [, ...parts] = changelog.split(/^## /m);
  return parts.map((part) => {
    const [title, ...lines] = part.split('\n');
    const headings = lines.flatMap((line) => /^### (.*)/.exec(line)?.[1] ?? []);
    let heading: string | undefined;
    const entries: { heading: string | undefined; words: string }[] = [];
    for (const line of lines) {
      if (line.startsWith('### ')) heading = line.slice(4);
      else if (line.startsWith('- ')) entries.push({ heading, words: line.slice(2) });
      else if (line.startsWith('  ') && entries.length > 0) entries[entries.length - 1].words += ` ${line.trim()}`;
    }
    return { title, headings, entries };
  });
}

const releases = releasesOf(text);
const [unreleased, ...released] = releases;
const versions = released.map(({ title }) => /^\[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$/.exec(title));

describe('the changelog', () => {
  it('begins with what is not released, and names each release with its day, the latest first', () => {
    expect(unreleased.title).toBe('[Unreleased]');
    expect(released.filter((_, i) => versions[i] === null).map(({ title }) => title)).toEqual([]);
    const days = versions.map((version) => version![2]);
    expect(days).toEqual(days.toSorted().reverse());
    expect(days.filter((day) => Number.isNaN(Date.parse(day)))).toEqual([]);
    expect(new Set(versions.map((version) => version![1])).size).toBe(released.length);
  });

  it('has the version of the package and of its lock file at the top', () => {
    const lock = json('package-lock.json');
    expect([json('package.json').version, lock.version, lock.packages[''].version]).toEqual(
      Array(3).fill(versions[0]![1]),
    );
  });

  it.each(releases)('$title: has known headings, each once and with entries', ({ headings, entries }) => {
    expect(headings).toEqual(groups.filter((group) => headings.includes(group)));
    expect(entries.filter(({ heading }) => heading === undefined)).toEqual([]);
    expect(headings.filter((heading) => !entries.some((entry) => entry.heading === heading))).toEqual([]);
  });

  it('says nothing twice', () => {
    const words = releases.flatMap(({ entries }) => entries.map((entry) => entry.words));
    const sentences = words.flatMap((entry) => entry.split(/(?<=\.) /)).filter((sentence) => sentence.length > 30);
    for (const all of [words, sentences]) expect(all.filter((one, i) => all.indexOf(one) !== i)).toEqual([]);
  });
});
