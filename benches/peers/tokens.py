"""Writes a key and the tokens of the benchmark into a folder; run by an interpreter that has `cryptography`."""

import base64
import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

KIDS = {"RS256": "peers", "ES256": "peers-es256", "EdDSA": "peers-eddsa"}
DECADE = 10 * 365 * 24 * 3600


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Issuer:
    def __init__(self, issuer: str, audience: str) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.curve, self.edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
        self.issuer, self.audience = issuer, audience
        self.now = int(time.time())

    def token(self, subject: int, role: str, algorithm: str = "RS256") -> str:
        """A token with the claims that Entra puts into one, of about 750 bytes with an RSA signature."""
        header = {"typ": "JWT", "alg": algorithm, "kid": KIDS[algorithm]}
        claims = {
            "aud": self.audience, "iss": self.issuer, "iat": self.now - 60, "nbf": self.now - 60,
            "exp": self.now + DECADE, "oid": f"{subject:036d}", "roles": [role], "sub": f"subject-{subject:06d}",
            "uti": f"{subject:022d}", "ver": "2.0",
        }
        text = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return f"{text}.{encoded(self.signature(text.encode(), algorithm))}"

    def signature(self, text: bytes, algorithm: str) -> bytes:
        match algorithm:
            case "ES256":
                numbers = utils.decode_dss_signature(self.curve.sign(text, ec.ECDSA(hashes.SHA256())))
                return b"".join(value.to_bytes(32, "big") for value in numbers)
            case "EdDSA":
                return self.edwards.sign(text)
            case _:
                return self.key.sign(text, padding.PKCS1v15(), hashes.SHA256())

    def jwks(self) -> dict:
        public, point = self.key.public_key().public_numbers(), self.curve.public_key().public_numbers()
        edwards = self.edwards.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        x, y = (encoded(value.to_bytes(32, "big")) for value in (point.x, point.y))
        members = {
            "RS256": {"kty": "RSA", "n": number(public.n), "e": number(public.e)},
            "ES256": {"kty": "EC", "crv": "P-256", "x": x, "y": y},
            "EdDSA": {"kty": "OKP", "crv": "Ed25519", "x": encoded(edwards)},
        }
        return {"keys": [key | {"use": "sig", "alg": name, "kid": KIDS[name]} for name, key in members.items()]}

    def pem(self) -> str:
        format = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, format).decode()


def main(folder: Path, issuer: str, audience: str, role: str, count: int, new: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    own = Issuer(issuer, audience)
    tokens = [own.token(subject, role) for subject in range(count)]
    (folder / "jwks.json").write_text(json.dumps(own.jwks()))
    (folder / "key.pem").write_text(own.pem())
    (folder / "one").write_text(tokens[0] + "\n")
    (folder / "other-role").write_text(own.token(count, "somebody_else") + "\n")
    (folder / "other-key").write_text(Issuer(issuer, audience).token(0, role) + "\n")
    for name, algorithm in {"new": "RS256", "new-es256": "ES256", "new-eddsa": "EdDSA"}.items():
        with (folder / name).open("w") as file:
            file.writelines(own.token(subject, role, algorithm) + "\n" for subject in range(new))
    # The last file: with it the folder is complete.
    (folder / "many").write_text("\n".join(tokens) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:5], *map(int, sys.argv[5:]))
