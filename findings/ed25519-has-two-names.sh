#!/usr/bin/env bash
# RFC 9864 gives EdDSA over Ed25519 the name `Ed25519` beside the older `EdDSA`. Libraries do not take them for one another:
#
# - jose 6.2.18 (npm) signs with `alg: Ed25519`, and does not find a key of a JWKS that says `alg: EdDSA` for such a token, although
#   the key is the one that signed it. The same key without `alg` is found.
# - PyJWT 2.15.1 (PyPI) does not know the name: it refuses the token that jose signed, and accepts the same claims under `EdDSA`.
#
# An issuer that moves to the new name in tokens before its JWKS, or the other way round, locks its callers out.
# Seen on 2026-11-28; fails when either library changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund jose@6.2.18
cat >sign.mjs <<'JS'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';

const { publicKey, privateKey } = await generateKeyPair('Ed25519', { extractable: true });
const jwk = { ...(await exportJWK(publicKey)), kid: 'one' };
const sign = (alg) => new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg, kid: 'one' }).sign(privateKey);
const tokens = { Ed25519: await sign('Ed25519'), EdDSA: await sign('EdDSA') };
const verdict = (alg) =>
  jwtVerify(tokens.Ed25519, createLocalJWKSet({ keys: [{ ...jwk, ...(alg && { alg }) }] })).then(
    () => 'verified',
    (error) => error.code,
  );
console.log(JSON.stringify({ jwk, tokens, jose: { EdDSA: await verdict('EdDSA'), Ed25519: await verdict('Ed25519'), none: await verdict() } }));
JS
node sign.mjs >signed.json
python3 -m venv venv
venv/bin/pip -q install --disable-pip-version-check pyjwt==2.15.1 cryptography
venv/bin/python - <<'PY'
import json

import jwt

signed = json.load(open("signed.json"))
print("jose, by the key's alg:", signed["jose"])
assert signed["jose"] == {"EdDSA": "ERR_JWKS_NO_MATCHING_KEY", "Ed25519": "verified", "none": "verified"}
key = jwt.PyJWK(signed["jwk"], algorithm="EdDSA").key


def verdict(name):
    try:
        return jwt.decode(signed["tokens"][name], key, algorithms=["Ed25519", "EdDSA"])
    except jwt.PyJWTError as error:
        return type(error).__name__


print("PyJWT, by the token's alg:", {name: verdict(name) for name in ("Ed25519", "EdDSA")})
assert verdict("Ed25519") == "InvalidAlgorithmError"
assert verdict("EdDSA") == {"sub": "ada"}
PY
