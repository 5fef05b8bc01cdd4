/** Defaults that no schema fills in: for those who apply them, in threads too, which load no schemas, and those who compare configs. */

/** Of `cluster.sync.local.mixing`, where replicas take steps beside an exchange: halfway, as docs/cluster.md measures it beside others. */
export const usualMixing = 0.5;

/** Of `optimizer.muon.exclude`. */
export const usualExclude = ['embeddings'];

/** Of huber's `delta`. */
export const usualDelta = 1;
