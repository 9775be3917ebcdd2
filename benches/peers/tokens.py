"""Writes a key and the tokens of the benchmark into a folder; run by an interpreter that has `cryptography`."""

import base64
import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

DECADE = 10 * 365 * 24 * 3600


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    def __init__(self, issuer: str, audience: str) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.issuer, self.audience = issuer, audience
        self.now = int(time.time())

    def token(self, subject: int, role: str) -> str:
        """A token with the claims that Entra puts into one, of about 750 bytes."""
        header = {"typ": "JWT", "alg": "RS256", "kid": "peers"}
        claims = {
            "aud": self.audience, "iss": self.issuer, "iat": self.now - 60, "nbf": self.now - 60,
            "exp": self.now + DECADE, "oid": f"{subject:036d}", "roles": [role], "sub": f"subject-{subject:06d}",
            "uti": f"{subject:022d}", "ver": "2.0",
        }
        text = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{text}.{encoded(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def jwks(self) -> dict:
        public = self.key.public_key().public_numbers()
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "peers"}
        return {"keys": [key | {"n": number(public.n), "e": number(public.e)}]}

    def pem(self) -> str:
        format = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, format).decode()


def main(folder: Path, issuer: str, audience: str, role: str, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    own = Issuer(issuer, audience)
    tokens = [own.token(subject, role) for subject in range(count)]
    (folder / "jwks.json").write_text(json.dumps(own.jwks()))
    (folder / "key.pem").write_text(own.pem())
    (folder / "one").write_text(tokens[0] + "\n")
    (folder / "other-role").write_text(own.token(count, "somebody_else") + "\n")
    (folder / "other-key").write_text(Issuer(issuer, audience).token(0, role) + "\n")
    # The last file: with it the folder is complete.
    (folder / "many").write_text("\n".join(tokens) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5]))
