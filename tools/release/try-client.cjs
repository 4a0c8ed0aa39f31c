// `require` loads the same library.
// oxlint-disable-next-line typescript/no-require-imports
const { connect } = require("@saasaparilla/client");
// oxlint-disable-next-line typescript/no-require-imports
const { inbox } = require("@saasaparilla/client/inbox");

const connection = connect({
  url: "http://127.0.0.1:9",
  token: "a-token",
  transport: "poll",
  inbox: inbox({ url: "http://127.0.0.1:9" }),
  onNotification: () => {},
});
void connection.close().then(async () => {
  const { code } = await connection.closed;
  if (code !== "closed") throw new Error(code);
  console.log(`required and closed, by Node ${process.version}`);
});
