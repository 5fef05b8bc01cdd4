#!/bin/bash
# Whether `npm ci` runs the install script of a package is decided by a line of the lock file, "hasInstallScript": true, and not by
# the package: without the line, no npm from 10 to 12 runs a script that is there, and none says so. That the file was edited is
# not noticed: the line is no part of what the package's checksum covers.
# Exits 0 while that is so: esbuild's script is run with the line, and not run without it.
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder" || exit 2
echo '{ "name": "try", "version": "1.0.0", "dependencies": { "esbuild": "0.28.2" } }' > package.json
npm install --silent --package-lock-only --ignore-scripts
cp package-lock.json with.json
grep -v '"hasInstallScript"' with.json > without.json
result=0
for version in 10.8.3 11.4.2; do
  for lock in with without; do
    cp $lock.json package-lock.json
    rm -rf node_modules
    npx --yes npm@$version ci --foreground-scripts --no-audit --no-fund > $lock.txt 2>&1 || exit 2
    scripts=$(grep -c '^> esbuild@0.28.2 postinstall' $lock.txt)
    echo "npm $version, $lock the line: $scripts script(s) run"
    [ "$scripts" = "$([ $lock = with ] && echo 1 || echo 0)" ] || result=1
  done
done
exit $result
