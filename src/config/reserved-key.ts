/** `__proto__`, the one key that plain objects do not hold: the schema would drop it, and what it sets, without a word. */
import { ConfigError } from '../errors.js';

const reserved = '__proto__';

/** @throws ConfigError naming the place of a key `__proto__` in a config, such as a class or a column of that name */
export function refuseReservedKey(config: unknown): void {
  const seen = new Set<unknown>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    for (const [key, inner] of Object.entries(value)) {
      const place = path === '' ? key : `${path}.${key}`;
      if (key === reserved) {
        throw new ConfigError(
          `${place}: a key of that name cannot be used`,
          'rename what it stands for; a class goes by its index too',
        );
      }
      walk(inner, place);
    }
  };
  walk(config, '');
}
