#!/usr/bin/env node
// sharp decodes on libuv's threads, 4 unless told otherwise before the first of them starts: hence this file, which
// loads nothing else first.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, require('node:os').availableParallelism()))

import('../dist/bin.js')
