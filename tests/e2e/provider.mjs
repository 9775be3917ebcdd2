// The identity provider: issues JWT access tokens with a `roles` claim, and rotates its keys when told to.
//
// Prints its issuer. Of the two clients `basic` has the role `basic_user`, and `other` has none.
// POST /control/rotate replaces the older of the two keys by a new one, which signs from then on.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const AUDIENCE = "modelgate-e2e";
const ROLES = { basic: ["basic_user"], other: [] };

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), alg: "RS256", use: "sig" };
}

// The first key signs.
let keys = [newKey(), newKey()];

function start() {
  const provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomUUID()] },
    clients: Object.keys(ROLES).map((client_id) => ({
      client_id,
      client_secret: `${client_id}-secret`,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    extraTokenClaims: (_ctx, token) => ({ roles: ROLES[token.clientId] }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `urn:${AUDIENCE}`,
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: "",
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  return provider.callback();
}

let answer = start();
server.on("request", (request, response) => {
  if (request.method !== "POST" || request.url !== "/control/rotate") return answer(request, response);
  keys = [newKey(), keys[0]];
  answer = start();
  response.end(JSON.stringify({ kid: keys[0].kid }));
});
console.log(issuer);
