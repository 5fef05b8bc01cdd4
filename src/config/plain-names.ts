/** What fields are called where a config names none; apart from the schemas, which threads do not load. */
export const plainNames = { input: 'features', target: 'targets', weight: 'weights' } as const;
