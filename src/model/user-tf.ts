/** The `tf` that functions of users are given: tfjs's core and layers together, the very instances that Lockstep trains with. */
import './tfjs-gaps.js';
import * as core from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';

export const userTf: Readonly<Record<string, unknown>> = Object.freeze({ ...core, ...layers, default: undefined });
