// json-server 1, which reads its file anew with each request.
import { createServer } from "node:http";

const [port, folder] = process.argv.slice(2);
const modules = process.env.NODE_PATH;
const { createApp } = await import(`${modules}/json-server/lib/app.js`);
const { Low } = await import(`${modules}/lowdb/lib/index.js`);
const { JSONFile } = await import(`${modules}/lowdb/lib/node.js`);

const db = new Low(new JSONFile(`${folder}/items.json`), {});
await db.read();
const app = createApp(db, { logger: false, static: [] });
createServer((request, response) => db.read().then(() => app.handler(request, response))).listen(Number(port), "127.0.0.1");
