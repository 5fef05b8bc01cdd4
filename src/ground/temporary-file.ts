/** Files that nobody else sees and that vanish with the process, however that ends. */
import { mkdtempSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryFile {
  /** Open for reading and writing. */
  readonly fd: number;
  readonly path: string;
}

/** @throws Error of the file system, for the caller to say what the file was for */
export function temporaryFile(): TemporaryFile {
  const path = join(mkdtempSync(join(tmpdir(), 'lockstep-')), 'rows');
  const fd = openSync(path, 'wx+', 0o600);
  removeTemporary(path);
  return { fd, path };
}

/** To be called again once the file is closed: where open files keep their names (Windows), the first call does nothing. */
export function removeTemporary(path: string): void {
  try {
    unlinkSync(path);
    rmdirSync(join(path, '..'));
  } catch {
    // Gone already, or still open where that forbids it.
  }
}
