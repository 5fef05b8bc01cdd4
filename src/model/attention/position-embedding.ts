/** `positionEmbedding`: adds to each place of a sequence what tells where it is. */
import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { waves } from './attention.js';
import { checkDocuments, documentsApart, placesInDocuments } from './document-ids.js';
import { type Args, singleShape, WeightedLayer, word } from './weighted-layer.js';

/** `learned`: a vector for each place. `sinusoidal`: sines and cosines (Vaswani et al. 2017). */
const kinds = ['learned', 'sinusoidal'] as const;

export class PositionEmbedding extends WeightedLayer {
  static readonly className: string = 'PositionEmbedding';
  readonly kind: (typeof kinds)[number];
  /** Whether places count from the start of their document. */
  readonly documents: boolean;

  constructor(args: Args = {}) {
    super(args);
    this.kind = word('positionEmbedding', 'kind', args.kind ?? 'learned', kinds);
    this.documents = args.documents === true;
  }
  protected override get mostInputs(): number {
    return this.documents ? 2 : 1;
  }
  override build(inputShape: tfl.Shape | tfl.Shape[]): void {
    checkDocuments('positionEmbedding', inputShape, this.documents);
    const [, places, width, ...rest] = singleShape(inputShape);
    if (rest.length > 0 || width == null || places == null) {
      throw new Error('positionEmbedding needs sequences of a known length, [batch, places, width]');
    }
    if (this.kind === 'sinusoidal' && width % 2 !== 0) {
      throw new Error(`positionEmbedding: sinusoidal needs an even width, and is given ${width}`);
    }
    if (this.kind === 'learned') {
      this.weight('positions', [places, width], tfl.initializers.randomNormal({ mean: 0, stddev: 0.02 }));
    }
    this.built = true;
  }
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const { others, documents } = documentsApart([inputs].flat(), this.documents);
      const x = others[0]!;
      const [, places, width] = x.shape as [number, number, number];
      const vectors = this.#vectors(places, width);
      return tf.add(x, documents ? tf.gather(vectors, placesInDocuments(documents)) : vectors);
    });
  }
  /** Of each place, [places, width]. */
  #vectors(places: number, width: number): tf.Tensor {
    if (this.kind === 'learned') return tf.slice(this.read('positions'), [0, 0], [places, width]);
    const { cos, sin } = waves(places, width);
    return tf.concat([sin, cos], 1);
  }
  override computeOutputShape(inputShape: tfl.Shape | tfl.Shape[]): tfl.Shape {
    return singleShape(inputShape);
  }
  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), kind: this.kind, documents: this.documents };
  }
}
