// SAP's CAP: OData paged by the server. The list is ours, its filter, pages and next links are CAP's.
const { readFileSync } = require("node:fs");
const cds = require("@sap/cds");
const express = require("express");

const [port, folder] = process.argv.slice(2);
const model = cds.compile(`
  @path: '/odata' service Application {
    @readonly @cds.query.limit: { default: 100, max: 100 } entity emails { key id: Integer; status: String; }
  }
`);

function read({ query: { SELECT } }) {
  const [, , wanted] = SELECT.where ?? [];
  const { emails } = JSON.parse(readFileSync(`${folder}/items.json`, "utf8"));
  const found = emails.filter((email) => !wanted || email.status === wanted.val);
  const start = SELECT.limit?.offset?.val ?? 0;
  const page = found.slice(start, start + SELECT.limit.rows.val);
  return SELECT.count ? Object.assign(page, { $count: found.length }) : page;
}

const app = express();
cds.model = cds.compile.for.nodejs(model);
cds
  .serve("all")
  .from(model)
  .in(app)
  .with((service) => service.on("READ", "emails", read))
  .then(() => app.listen(Number(port), "127.0.0.1"));
