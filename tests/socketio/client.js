// A stock Socket.IO client: commands come as lines of JSON, whatever happens goes out as lines of JSON.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const { url, ...options } = JSON.parse(process.argv[2]);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

const socket = io(url, { reconnectionDelay: 50, reconnectionDelayMax: 300, ...options });
socket.on("connect", () => {
  const { engine } = socket.io;
  say({ event: "connect", id: socket.id, recovered: socket.recovered, transport: engine.transport.name });
  engine.once("upgrade", (transport) => say({ event: "upgrade", transport: transport.name }));
});
socket.on("connect_error", (error) => say({ event: "connect_error", message: error.message, data: error.data ?? null }));
socket.on("disconnect", (reason) => say({ event: "disconnect", reason }));
socket.onAny((event, ...content) => say({ event, content }));

for await (const line of createInterface({ input: process.stdin })) {
  const { emit, content, ack } = JSON.parse(line);
  if (ack === null) socket.emit(emit, content);
  else socket.emit(emit, content, (answer) => say({ event: "ack", ack, answer }));
}
process.exit(0);
