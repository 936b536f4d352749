// Feathers over Express, with its own service in memory, filled anew with each request.
const { readFileSync } = require("node:fs");
const { feathers } = require("@feathersjs/feathers");
const express = require("@feathersjs/express");
const { MemoryService } = require("@feathersjs/memory");

const [port, folder] = process.argv.slice(2);
const app = express(feathers());
app.configure(express.rest());
app.use("emails", new MemoryService({ id: "id", paginate: { default: 25, max: 100 } }));
app.service("emails").hooks({
  before: {
    find: [
      () => {
        const { emails } = JSON.parse(readFileSync(`${folder}/items.json`, "utf8"));
        app.service("emails").store = Object.fromEntries(emails.map((email) => [email.id, email]));
      },
    ],
  },
});
app.use(express.errorHandler({ logger: false }));
app.listen(Number(port), "127.0.0.1");
