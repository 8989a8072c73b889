// Here, since whatever makes a session of ONNX Runtime, or starts a thread that does, loads core before: the variable is
// looked up in the environment of the process, which a thread's own `process.env` does not change.
process.env['ORT_DISABLE_TELEMETRY'] = '1'
