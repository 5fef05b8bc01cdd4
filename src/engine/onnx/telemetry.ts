/**
 * ONNX Runtime reports its use to Microsoft from 1.30 on, and leaves files in the temporary folder, unless this variable is
 * set before its library is loaded: by the main thread, because what threads set stays with them. To be imported before
 * the library is, and by whoever starts threads that load it.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';
