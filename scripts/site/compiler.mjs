/**
 * `node --import`: gives TypeDoc TypeScript 6, whose API it reads sources with. TypeScript 7, which compiles Lockstep, has no
 * such API yet.
 */
import { register } from 'node:module';

register(
  `data:text/javascript,${encodeURIComponent(
    `export const resolve = (name, context, next) => next(name === 'typescript' ? 'typescript6' : name, context);`,
  )}`,
  import.meta.url,
);
