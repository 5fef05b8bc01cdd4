#!/usr/bin/env bash
# npx (npm 11.19.1) is no stand-in for the program that it starts. SIGTERM it passes on to a shell between itself and the program, both are gone at once, and the
# program is told nothing: it runs on by itself. Who waits for npx, as a scheduler does, takes all for over, and may kill the rest. And files that are open beyond
# input, output and errors do not reach the program, although their number in the environment does: what `mpirun` hands on as PMI_FD is lost. The same
# file of node_modules/.bin, started by itself, hears the signal, ends when its last work is done, and has the file.
# Needs Linux whose sh is dash (Debian, Ubuntu), Node and npm. Exits with 1 where that has changed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y > seen.log
npm install --ignore-scripts --silent --no-audit --no-fund npm@11.19.1
cat > node_modules/.bin/child <<'J'
#!/usr/bin/env node
const { fstatSync, statSync, writeFileSync } = require('node:fs');
let has = 'no file';
try {
  // Node has files of its own by that number.
  if (fstatSync(Number(process.env.GIVEN_FD)).ino === statSync('package.json').ino) has = 'the file';
} catch {}
process.on('SIGTERM', () => {
  writeFileSync('told', '');
  setTimeout(() => {
    writeFileSync('done', '');
    process.exit(0);
  }, 1000);
});
setInterval(() => {}, 1000);
writeFileSync('begun', `${process.pid} ${has}`);
J
chmod +x node_modules/.bin/child
echo "Node $(node --version), npm $(node node_modules/npm/bin/npm-cli.js --version)"
# Says whether the program had the file, what it was told, and whether its last work was done when what was started had ended.
seen() {
  rm -f begun told done
  GIVEN_FD=9 "$@" 9< package.json >> seen.log 2>&1 & local started=$!
  for _ in $(seq 300); do [ -s begun ] && break; sleep 0.1; done
  kill -TERM "$started"
  wait "$started" || true
  read -r program has < begun || true
  local work="last work $([ -e done ] && echo done || echo "not done")"
  sleep 0.5
  local runs="$(kill -0 "$program" 2>> seen.log && echo "runs on" || echo ended)"
  found="$has, $([ -e told ] && echo told || echo "not told") of SIGTERM, $work, $runs"
  kill -KILL "$program" 2>> seen.log || true
}
seen node_modules/.bin/child
alone=$found
seen node node_modules/npm/bin/npx-cli.js --no -- child
by_npx=$found
echo "by itself: $alone"
echo "by npx: $by_npx"
[ "$alone" = "the file, told of SIGTERM, last work done, ended" ] && [ "$by_npx" = "no file, not told of SIGTERM, last work not done, runs on" ]
