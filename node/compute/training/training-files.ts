/** Files of a training's directory that are read outside its worker thread too (train-operation.ts says what is in them). */
export const METRICS_FILE = 'metrics.jsonl'
export const GEOMETRY_FILE = 'geometry.jsonl'
export const TRAINED_FILE = 'trained.bin'
