// json-server 0.17, which reads its file anew with each request.
const [port, folder] = process.argv.slice(2);
const jsonServer = require("json-server");

const server = jsonServer.create();
const router = jsonServer.router(`${folder}/items.json`);
server.use((request, response, next) => {
  router.db.read();
  next();
});
server.use(router);
server.listen(Number(port), "127.0.0.1");
