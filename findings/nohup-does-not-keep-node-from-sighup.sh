#!/bin/bash
# `nohup` has no effect on Node.js: at its start Node sets every signal that it was told to ignore back to its default, except SIGPIPE and
# SIGXFSZ, so that a program under nohup dies of SIGHUP when the terminal closes. `nohup sleep` survives the same signal.
# Exits 0 while that is so.
cd "$(mktemp -d)" || exit 2
node --version
nohup sleep 3 >/dev/null 2>&1 & plain=$!
nohup node -e 'console.log("ignored:", require("fs").readFileSync("/proc/self/status", "utf8").match(/SigIgn:\s*(\w+)/)[1]); setTimeout(() => {}, 3000)' > node.out 2>/dev/null & node=$!
for _ in $(seq 50); do [ -s node.out ] && break; sleep 0.1; done
cat node.out
kill -HUP $plain $node 2>/dev/null
wait $plain; code_plain=$?
wait $node 2>/dev/null; code_node=$?
echo "under nohup, after SIGHUP: sleep ended with $code_plain, node with $code_node (129: killed by SIGHUP)"
[ "$code_plain" = 0 ] && [ "$code_node" = 129 ]
