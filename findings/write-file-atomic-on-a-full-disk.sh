#!/bin/bash
# write-file-atomic 7.0.1 writes once and does not look at how much was written: where the disk takes a part of the content alone, it
# puts the part in the place of the old file, and tells no error. What is there afterwards is neither the old content nor the new.
# The disk is played by a limit on the size of files (ulimit -f, 1 MiB), at which the system writes a part in the same way.
# Exits 0 while that is so.
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder" || exit 2
npm install --silent --no-audit --no-fund write-file-atomic@7.0.1
cat > write.mjs <<'X'
import { statSync, writeFileSync } from 'node:fs';
import write from 'write-file-atomic';

writeFileSync('model.bin', 'the old content');
let error = 'none';
try {
  write.sync('model.bin', Buffer.alloc(3 * 1024 * 1024));
} catch (thrown) {
  error = thrown.code;
}
const { size } = statSync('model.bin');
console.log(`asked for ${3 * 1024 * 1024} bytes, or else the old 15; there are ${size}; error: ${error}`);
process.exitCode = error === 'none' && size === 1024 * 1024 ? 0 : 1;
X
node --version
(ulimit -f 1024 && node write.mjs)
