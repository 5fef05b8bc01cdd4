#!/usr/bin/env node
/**
 * `node scripts/namespaces.mjs CONFIG [options]`: one run over hosts that are really apart, on this machine, with one of
 * them cut off and healed on the way. Linux, as root; the package has to be built. `--help` tells the rest.
 */
import '../dist/scripts/namespaces.js';
