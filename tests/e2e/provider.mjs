// The identity provider: issues access tokens with a `roles` claim, and rotates its keys when told to.
//
// Prints its issuer. Of the two clients `basic` has the role `basic_user`, and `other` has none.
// POST /control/rotate replaces the older of the two keys by a new one, which signs from then on.
// POST /control/login?account=NAME answers with an opaque access token for the userinfo endpoint; the accounts are `basic`
// and `other`, with the same roles.
// POST /control/expired answers with a token that expired an hour ago.
//
// AUDIENCE names the API that tokens are for; TOKENS is `jwt` or `opaque`.

import { createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { AUDIENCE = "modelgate-e2e", TOKENS = "jwt" } = process.env;
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
  return new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: [randomUUID()] },
    claims: { openid: ["sub", "roles"] },
    clients: Object.keys(ROLES).map((client_id) => ({
      client_id,
      client_secret: `${client_id}-secret`,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    })),
    extraTokenClaims: (_ctx, token) => ({ roles: ROLES[token.clientId] }),
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub, roles: ROLES[sub] }) }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `urn:${AUDIENCE}`,
        getResourceServerInfo: () => ({
          audience: AUDIENCE,
          scope: "",
          accessTokenFormat: TOKENS,
          accessTokenTTL: 300,
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
}

// What a login leads to, without the browser.
async function login(accountId) {
  const client = await provider.Client.find("basic");
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope("openid");
  const grantId = await grant.save();
  return new provider.AccessToken({ accountId, client, grantId, scope: "openid", gty: "authorization_code" }).save();
}

function expired() {
  const [key] = keys;
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: "RS256", kid: key.kid, typ: "at+jwt" };
  const claims = { iss: issuer, aud: AUDIENCE, sub: "basic", roles: ROLES.basic, iat: now - 7200, exp: now - 3600 };
  const signed = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const signature = sign("RSA-SHA256", Buffer.from(signed), createPrivateKey({ key, format: "jwk" }));
  return `${signed}.${signature.toString("base64url")}`;
}

let provider = start();
let answer = provider.callback();
server.on("request", async (request, response) => {
  const url = new URL(request.url, issuer);
  if (request.method === "POST" && url.pathname === "/control/rotate") {
    keys = [newKey(), keys[0]];
    provider = start();
    answer = provider.callback();
    response.end();
  } else if (request.method === "POST" && url.pathname === "/control/login") {
    response.end(await login(url.searchParams.get("account")));
  } else if (request.method === "POST" && url.pathname === "/control/expired") {
    response.end(expired());
  } else {
    answer(request, response);
  }
});
console.log(issuer);
