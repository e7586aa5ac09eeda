// Drives socket.io-client from a test: commands come as lines of JSON, and what happens goes back as such.
//
//   node bridge.mjs ADDRESS OPTIONS   with the options of io(), as JSON
//
// In:   {"emit": ["synthesize", {...}]}   {"disconnect": true}
// Out:  {"event": "connect"} and its like, {"event": "message", "data": {...}}

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const tell = (event, data) => process.stdout.write(JSON.stringify({ event, data }) + "\n");

const [address, options] = process.argv.slice(2);
const socket = io(address, { reconnection: false, ...JSON.parse(options) });

socket.on("connect", () => tell("connect", { transport: socket.io.engine.transport.name }));
socket.on("message", (data) => tell("message", data));
socket.on("connect_error", (error) => tell("connect_error", { message: error.message, data: error.data }));
socket.on("disconnect", (reason) => tell("disconnect", { reason }));
socket.io.engine.on("upgrade", (transport) => tell("upgrade", { transport: transport.name }));
socket.io.engine.on("close", (reason) => tell("close", { reason }));

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    if (command.emit) socket.emit(...command.emit);
    if (command.disconnect) socket.disconnect();
  })
  .on("close", () => socket.disconnect());
