"""Writes a key and the tokens of the benchmark into a folder; run by an interpreter that has `cryptography`."""

import base64
import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

DECADE = 10 * 365 * 24 * 3600


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    def __init__(self, issuer: str, audience: str, algorithm: str) -> None:
        keys = {"RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
                "ES256": lambda: ec.generate_private_key(ec.SECP256R1()), "EdDSA": ed25519.Ed25519PrivateKey.generate}
        self.key = keys[algorithm]()
        self.issuer, self.audience, self.algorithm = issuer, audience, algorithm
        self.now = int(time.time())

    def token(self, subject: int, role: str) -> str:
        """A token with the claims that Entra puts into one, of about 750 bytes."""
        header = {"typ": "JWT", "alg": self.algorithm, "kid": "peers"}
        claims = {
            "aud": self.audience, "iss": self.issuer, "iat": self.now - 60, "nbf": self.now - 60,
            "exp": self.now + DECADE, "oid": f"{subject:036d}", "roles": [role], "sub": f"subject-{subject:06d}",
            "uti": f"{subject:022d}", "ver": "2.0",
        }
        text = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{text}.{encoded(self.signature(text.encode()))}"

    def signature(self, text: bytes) -> bytes:
        if self.algorithm == "RS256":
            return self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        if self.algorithm == "ES256":
            numbers = decode_dss_signature(self.key.sign(text, ec.ECDSA(hashes.SHA256())))
            return b"".join(value.to_bytes(32, "big") for value in numbers)
        return self.key.sign(text)

    def jwks(self) -> dict:
        key = {"use": "sig", "alg": self.algorithm, "kid": "peers"}
        return {"keys": [key | self.public()]}

    def public(self) -> dict:
        public = self.key.public_key()
        if self.algorithm == "EdDSA":
            return {"kty": "OKP", "crv": "Ed25519", "x": encoded(public.public_bytes_raw())}
        numbers = public.public_numbers()
        if self.algorithm == "ES256":
            x, y = (encoded(value.to_bytes(32, "big")) for value in (numbers.x, numbers.y))
            return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    def pem(self) -> str:
        format = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, format).decode()


def main(folder: Path, issuer: str, audience: str, role: str, count: int, new: int, algorithm: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    own = Issuer(issuer, audience, algorithm)
    tokens = [own.token(subject, role) for subject in range(new)]
    (folder / "jwks.json").write_text(json.dumps(own.jwks()))
    (folder / "key.pem").write_text(own.pem())
    (folder / "one").write_text(tokens[0] + "\n")
    (folder / "other-role").write_text(own.token(count, "somebody_else") + "\n")
    (folder / "other-key").write_text(Issuer(issuer, audience, algorithm).token(0, role) + "\n")
    (folder / "many").write_text("\n".join(tokens[:count]) + "\n")
    # The last file: with it the folder is complete.
    (folder / "new").write_text("\n".join(tokens) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5], int(sys.argv[5]), int(sys.argv[6]), sys.argv[7])
