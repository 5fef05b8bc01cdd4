/** Saves tfjs models as tfjs does, in the format that its converter writes too. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

export interface SavedFiles {
  readonly topology: object;
  readonly specs: tf.io.WeightsManifestEntry[];
  readonly bytes: Buffer;
}

export async function artifactsOf(model: LayersModel): Promise<SavedFiles> {
  let files: SavedFiles | undefined;
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const bytes = Buffer.concat([weightData!].flat().map((part) => new Uint8Array(part)));
      files = { topology: modelTopology as object, specs: weightSpecs!, bytes };
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } };
    }),
  );
  return files!;
}

/** @param shards bytes of each file of weights; default: one file */
export function writeSaved(folder: string, { topology, specs, bytes }: SavedFiles, shards = bytes.length): string {
  mkdirSync(folder, { recursive: true });
  const paths: string[] = [];
  for (let start = 0; start < bytes.length; start += shards) {
    const path = `group1-shard${paths.length + 1}.bin`;
    writeFileSync(join(folder, path), bytes.subarray(start, start + shards));
    paths.push(path);
  }
  const manifest = { modelTopology: topology, format: 'layers-model', weightsManifest: [{ paths, weights: specs }] };
  writeFileSync(join(folder, 'model.json'), JSON.stringify(manifest));
  return folder;
}
