/** TypeDoc's plugin: which pages the site has, and what they and the modules are called. */
import { readdirSync, readFileSync } from 'node:fs';
import { Converter, ReflectionKind } from 'typedoc';

const modules = { 'coordinator/lockstep': 'lockstep', 'worker/worker': 'lockstep/worker' };

/** All of docs/: in the order of the README's table, then the others. */
function pages() {
  const table = readFileSync('README.md', 'utf8')
    .match(/^\| \[.*/gm)
    .join('\n');
  const named = [...table.matchAll(/\]\((docs\/[^)#]+)\)/g)].map(([, page]) => page);
  const all = readdirSync('docs', { recursive: true }).filter((name) => name.endsWith('.md'));
  return [...new Set([...named, ...all.map((name) => `docs/${name}`)])];
}

/** Pages are called by their first heading, and modules as programs import them. */
export function load(app) {
  app.on('bootstrapEnd', () => app.options.setValue('projectDocuments', pages()));
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const [first] = document.content;
    const title = first?.kind === 'text' ? /^# (.+)\n/.exec(first.text)?.[1] : undefined;
    if (title !== undefined) document.name = title;
  });
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = modules[module.name] ?? module.name;
    }
  });
}
