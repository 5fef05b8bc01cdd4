/**
 * Registers tfjs' backend `cpu`.
 *
 * Here and wherever tfjs is imported it is with `require`: as modules, its bundles of megabytes are searched for exports
 * first, which takes five times as long as running them, at every start.
 */
import { createRequire } from 'node:module';

createRequire(import.meta.url)('@tensorflow/tfjs-backend-cpu');
