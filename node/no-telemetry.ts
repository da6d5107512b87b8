/**
 * onnxruntime's published binaries (1.29 and newer) tell their maker of every session: machine, model file, hashes of graph and
 * weights. It reads this variable when it is loaded first, and then makes no uploader, no identifier of the machine and no cache.
 * A thread's own `process.env` is a copy that native code never sees: this must be imported on the main thread, by whoever starts
 * threads or loads it, before they do. `npm run bundle -- --verify` watches that nothing goes out.
 */
process.env.ORT_DISABLE_TELEMETRY = '1'
