// Passes calls on to the service with a token, which the conformance suite can't
// send. What else a call says of itself stays as it is: a foreign `Host` or
// `Origin` is the service's to refuse.
import { createServer, request } from "node:http";
import { env, stdout } from "node:process";

const service = new URL(env.SERVICE);
const server = createServer((call, answer) => {
  const own = `127.0.0.1:${server.address().port}`;
  const theirs = (text) => text?.replace(own, service.host).replace(`localhost:${own.split(":")[1]}`, service.host);
  const headers = { ...call.headers, authorization: `Bearer ${env.TOKEN}` };
  for (const name of ["host", "origin"]) {
    if (headers[name]) headers[name] = theirs(headers[name]);
  }
  const options = { method: call.method, headers };
  const passed = request(new URL(call.url, service), options, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  passed.on("error", () => answer.destroy());
  answer.on("close", () => passed.destroy());
  call.pipe(passed);
});
server.listen(0, "127.0.0.1", () => stdout.write(`http://127.0.0.1:${server.address().port}\n`));
